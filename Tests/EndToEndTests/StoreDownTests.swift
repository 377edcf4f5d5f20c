import TestSupport
import Testing

@Suite("I3 I4 I5 whatever the store does, nothing is left over", .timeLimit(.minutes(4)))
struct StoreDownTests {
    enum Outage: CaseIterable {
        case gone
        /// It keeps its connections and answers nobody.
        case silent

        func begin(_ stack: TestStack) async throws {
            if self == .gone { try await stack.kill(.devStore) } else { try stack.freeze(.devStore) }
        }

        func end(_ stack: TestStack) async throws {
            if self == .gone { try await stack.start(.devStore) } else { try stack.thaw(.devStore) }
        }
    }

    @Test(arguments: Outage.allCases) func bytesAreRefusedAndFilesStillGo(_ outage: Outage) async throws {
        var settings = StackSettings()
        // A service that gets no processor for two seconds loses a lease of three, and then says that it was interrupted.
        settings.sagaLeaseSeconds = 20
        try await TestStack.with(settings) { stack in
            let kept = try await stack.store("kept.txt", "A bilby listens.")
            let doomed = try await stack.store("doomed.txt", "A bilby hides.")
            try await stack.becomesQuiet()
            try await outage.begin(stack)
            async let upload = stack.upload("new.txt", Array("A bilby digs.".utf8))
            async let content = stack.content(kept)
            for answer in [try await upload, try await content] {
                #expect(answer.status == 503, "\(answer.text)")
                #expect(Int(answer.fields["retry-after"] ?? "") != nil, "\(answer.fields)")
                #expect(
                    answer.string("detail")?.contains("Nothing was kept or changed") == true,
                    "\(answer.text)"
                )
            }
            // What needs no bytes goes on.
            #expect(try await stack.facts(kept).status == 200)
            #expect(try await stack.delete(doomed, purge: true).status == 200)
            try await eventually("it says that it is not ready") { try await !stack.isReady(.uploadService) }
            #expect(try await stack.isLive(.uploadService))
            try await outage.end(stack)
            try await eventually(within: .seconds(30), "it is ready again") {
                try await stack.isReady(.uploadService)
            }
            #expect(try await stack.content(kept).text == "A bilby listens.")
            #expect(try await stack.upload("new.txt", Array("A bilby digs.".utf8)).status == 201)
            try await stack.isSound()
            #expect(try await stack.keys().count == 2)
        }
    }

    /// Faults of single requests, while files come in whole and in parts.
    private static let uploadFaults = [
        #""method":"PUT","withoutQuery":"partNumber","action":"dropBefore""#,
        #""method":"PUT","withoutQuery":"partNumber","action":"dropAfter""#,
        #""method":"PUT","withoutQuery":"partNumber","action":"answer","status":500"#,
        #""method":"PUT","withoutQuery":"partNumber","action":"answer","status":503,"code":"SlowDown""#,
        #""method":"PUT","action":"errorInside""#,
        #""method":"PUT","action":"diskFull""#,
        #""method":"PUT","query":"partNumber","action":"dropAfter""#,
        #""method":"PUT","query":"partNumber","action":"answer","status":500"#,
        #""method":"POST","query":"uploads","action":"dropAfter""#,
        #""method":"POST","query":"uploads","action":"answer","status":503,"code":"SlowDown""#,
        #""method":"POST","query":"uploadId","action":"dropBefore""#,
        #""method":"POST","query":"uploadId","action":"dropAfter""#,
        #""method":"POST","query":"uploadId","action":"errorInside""#,
    ]

    @Test func faultsWhileBytesComeIn() async throws {
        let large = Array(repeating: UInt8(ascii: "l"), count: 9 << 20)
        try await TestStack.with { stack in
            for (number, fault) in Self.uploadFaults.enumerated() {
                // Once, and more often than is retried.
                for count in [1, 20] {
                    try await stack.addFaults("[{\(fault),\"count\":\(count)}]")
                    let answers = [
                        try await stack.upload("small \(number) \(count)", [1, 2, 3]),
                        try await stack.upload("large \(number) \(count)", large, isLengthKnown: false),
                    ]
                    let hits = try await stack.clearFaults()
                    #expect(hits.first ?? 0 > 0, "\(fault) met nothing")
                    for answer in answers where answer.status != 201 {
                        #expect([502, 503, 507].contains(answer.status), "\(fault): \(answer.text)")
                        #expect(
                            answer.string("detail")?.contains("Nothing was kept") == true,
                            "\(answer.text)"
                        )
                        let mayAsk = answer.fields["retry-after"] != nil
                        #expect(mayAsk == (answer.status != 502), "\(answer.status) \(answer.fields)")
                    }
                }
            }
            try await stack.isSound()
        }
    }

    /// A read that breaks off is no verdict about the bytes.
    @Test func readsThatBreakOff() async throws {
        try await TestStack.with { stack in
            let text = "A potoroo hops. " + String(repeating: "And again. ", count: 9_000)
            try await stack.addFaults(
                #"[{"method":"GET","keyPrefix":"acme/","action":"truncate","bytes":70000,"count":5}]"#
            )
            let id = try await stack.store("long.txt", text)
            try await stack.searchFinds("potoroo", [id])
            #expect(try await stack.clearFaults() == [5])
            try await stack.addFaults(
                #"[{"method":"GET","keyPrefix":"acme/","action":"truncate","bytes":70000,"count":1}]"#
            )
            // The head is out before the store breaks off: all that is left is to break off too.
            await #expect(throws: (any Error).self) { _ = try await stack.content(id) }
            #expect(try await stack.content(id).text == text)
            try await stack.isSound()
        }
    }

    private static let removalFaults = [
        #""method":"DELETE","action":"dropBefore""#,
        #""method":"DELETE","action":"dropAfter""#,
        #""method":"DELETE","action":"answer","status":503,"code":"SlowDown""#,
        #""method":"DELETE","action":"errorInside""#,
        #""method":"HEAD","action":"answer","status":500"#,
        #""method":"HEAD","action":"dropAfter""#,
        #""method":"GET","query":"versions","action":"answer","status":500"#,
        #""method":"GET","query":"versions","action":"errorInside""#,
        #""method":"GET","query":"uploads","action":"dropBefore""#,
    ]

    @Test func faultsWhileBytesGo() async throws {
        try await TestStack.with { stack in
            for (number, fault) in Self.removalFaults.enumerated() {
                let id = try await stack.store("file \(number)", "Soon gone.")
                // More often than one request is repeated, so that the step of the saga fails too.
                try await stack.addFaults("[{\(fault),\"count\":6}]")
                #expect(try await stack.delete(id, purge: true).status == 200)
                let refused = try await stack.upload("bad \(number)", [1], fields: TestStack.wrongDigest)
                #expect(refused.status == 422)
            }
            try await eventually(within: .seconds(60), "every fault has struck") {
                try await stack.faultHits().allSatisfy { $0 == 6 }
            }
            try await stack.isSound()
            #expect(try await stack.keys() == [])
        }
    }
}
