import Testing

@Test func placeholderFaultTests() { #expect(Bool(true)) }
