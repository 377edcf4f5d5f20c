import Testing
@Test func placeholderUnitTests() { #expect(Bool(true)) }
