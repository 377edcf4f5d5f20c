import Testing

/// Each rule fails on a bad sample and passes a good one; a rule that cannot fail keeps nothing.
@Suite("Tidy: the rules themselves")
struct TidyRuleTests {
    private let quotes = "\"\"\""

    @Test func codeIsToldFromCommentsAndLiterals() {
        let code = SwiftCode(
            #"""
            let a = "x // y \" z" // print(1)
            /* outer /* try! */
            still */ let b = #"raw "quoted""# + c
            """#
        )
        #expect(code.lines == [#"let a = "" "#, "", #" let b = "" + c"#])
        #expect(code.literals.map(\.text) == [#"x // y \" z"#, #"raw "quoted""#])
        #expect(code.literals.map(\.line) == [1, 3])
    }

    @Test func sqlIsSeen() {
        let sql = "let s = \(quotes)\n    SELECT 1\n    \(quotes)\nlet t = \"UPDATE files SET x = 1\"\n"
        #expect(TextRules.sqlOutsideItsPlace(SourceFile("Services/A/B.swift", sql)).map(\.line) == [1, 4])
        for path in [
            "Services/A/FileStore.swift", "Shared/A/InboxSchema.swift", "Shared/PostgresClient/B.swift",
        ] {
            #expect(TextRules.sqlOutsideItsPlace(SourceFile(path, sql)).isEmpty)
        }
        let prose = "let s = \"Select a file\" // SELECT 1\nlog(\"UPDATE failed\")"
        #expect(TextRules.sqlOutsideItsPlace(SourceFile("Services/A/B.swift", prose)).isEmpty)
    }

    private static let ambient = [
        "ProcessInfo.processInfo.environment", "getenv(name)", "let now = Date()", "Date.now",
        "let id = UUID()",
        "try await Task.sleep(for: pause)", "ContinuousClock.now", "DispatchTime.now()", "names.shuffled()",
        "clock_gettime(CLOCK_REALTIME, &t)", "var g = SystemRandomNumberGenerator()", "Int.random(in: 0...9)",
        "Bool.random()", "usleep(100)",
    ]
    private static let abrupt = [
        "print(x)", "debugPrint(x)", "try! f()", "x as! Int", "list.first!.name", "f()!", "let x: Int!",
        "fatalError()", "precondition(x > 0)", "preconditionFailure(text)", "p.unsafelyUnwrapped", "exit(1)",
    ]
    private static let inTests = ["usleep(1)", "Task.sleep(for: .seconds(1))", "try! f()", "x as! Int"]

    @Test(arguments: ambient)
    func whatReadsTheWorldIsSeen(_ sample: String) { #expect(isSeen(sample, by: ForbiddenWords.ambient)) }

    @Test(arguments: abrupt)
    func whatEndsTheProcessIsSeen(_ sample: String) { #expect(isSeen(sample, by: ForbiddenWords.abrupt)) }

    @Test(arguments: inTests)
    func whatTestsAvoidIsSeen(_ sample: String) { #expect(isSeen(sample, by: ForbiddenWords.inTests)) }

    private func isSeen(_ sample: String, by words: [ForbiddenWord]) -> Bool {
        words.contains { !$0.findings(in: SourceFile("Shared/A/B.swift", sample)).isEmpty }
    }

    @Test(arguments: [
        "if a != b {}", "!isEmpty", "let fatalError = 1", "random.uniform(below: 3)",
        "Int.random(in: 0...9, using: &g)",
        "// print(x)", "\"try! this\"", "time.sleep(for: pause)", "blueprint(x)", "try await exits()",
        "UUID(uuidString: t)",
    ])
    func whatIsAllowedPasses(_ sample: String) {
        let file = SourceFile("Shared/A/B.swift", sample)
        let words = ForbiddenWords.ambient + ForbiddenWords.abrupt + ForbiddenWords.inTests
        #expect(words.flatMap { $0.findings(in: file) } == [])
    }

    @Test func exceptionsAreByPath() {
        let word = ForbiddenWord(#"\bprint\("#, "print", except: ["Services/A/Output.swift": "output"])
        #expect(word.findings(in: SourceFile("Services/A/Output.swift", "print(1)")).isEmpty)
        #expect(word.findings(in: SourceFile("Services/A/Other.swift", "print(1)")).count == 1)
    }

    @Test func aCheckSwitchedOffNeedsAReason() {
        let declaration = "final class A: @unchecked " + "Sendable {"
        let bare = SourceFile("Shared/A/B.swift", "/// An A.\n\(declaration)\n    let b = 1\n}")
        #expect(TextRules.uncheckedWithoutReason(bare).map(\.line) == [2])
        for text in [
            "/// Sendable because nothing changes.\n\(declaration)",
            "\(declaration)\n    // Sendable: nothing changes.",
        ] {
            #expect(TextRules.uncheckedWithoutReason(SourceFile("Shared/A/B.swift", text)).isEmpty)
        }
    }

    @Test func leftoversAreSeen() {
        for text in [
            "// TO" + "DO: later", "# FIX" + "ME", "see /wo" + "rk/x", "(/ho" + "me/me/x)", "cd /ro" + "ot/",
        ] {
            #expect(TextRules.leftovers(SourceFile("README.md", text)).count == 1, "\(text) passes")
        }
        for text in [
            "a to-do list", "https://example.org/ho" + "me/x", "$HOME/wo" + "rk/", "data/wo" + "rk/x",
        ] {
            #expect(TextRules.leftovers(SourceFile("README.md", text)).isEmpty, "\(text) does not pass")
        }
    }

    @Test func scriptsAreChecked() {
        func trouble(_ text: String) -> [Int] {
            TextRules.scriptTrouble(SourceFile("deploy/up", text)).map(\.line)
        }
        #expect(trouble("set -e\n") == [1])
        #expect(trouble("#!/bin/sh\nif [[ -f x ]]; then :; fi\nlocal a=1\n# [[ in a comment\n") == [2, 3])
        #expect(trouble("#!/bin/sh\nset -eu\nif [ -f x ]; then :; fi\n") == [])
        #expect(trouble("#!/bin/bash\n[[ -f x ]]\n") == [])
        #expect(TextRules.scriptTrouble(SourceFile("deploy/compose.yaml", "a: 1")) == [])
    }

    @Test func settingsAndTheirExamplesAreCompared() {
        func findings(_ example: String) -> [String] {
            SettingsRule.findings(
                examples: ["A": SettingsRule.named(in: example)],
                own: ["A": SettingsRule.read(in: [SourceFile("Services/A/B.swift", "(\"WAYBILL_A\")")])],
                shared: SettingsRule.read(in: [
                    SourceFile("Shared/B/C.swift", "x(\"S3_B\", \"WAYBILL_CRASH_AT\")")
                ])
            )
        }
        #expect(findings("# WAYBILL_X= in prose\nWAYBILL_A=1\n#S3_B=2\n") == [])
        #expect(findings("WAYBILL_A=1\nS3_B=2\nLOG_LEVEL=3") == ["A does not read LOG_LEVEL"])
        #expect(findings("") == ["no example names S3_B", "the example of A lacks WAYBILL_A"])
    }

    @Test func longFilesAndFunctionsAreSeen() {
        let body = String(repeating: "        f(1)\n", count: 60)
        let file = SourceFile(
            "A/B.swift",
            "struct B {\n    func long(\n        _ a: Int\n    ) -> Int {\n\(body)    }\n}\n"
        )
        #expect(SizeRules.overLimit(file) == ["A/B.swift func long": 64])
        let long = SourceFile("A/C.swift", String(repeating: "let a = 1\n", count: 251))
        #expect(SizeRules.overLimit(long) == ["A/C.swift": 251])
        let small = "protocol P { func a()\n func b() }\nfunc c() { if x { y { } } }\ninit(a: Int) {}\n"
        #expect(SizeRules.functions(SwiftCode(small)).map(\.lineCount) == [1, 1])
    }

    @Test func theListOfOffendersOnlyShrinks() {
        #expect(SizeRules.findings(["a": 300], listed: ["a": 300]) == [])
        #expect(SizeRules.findings(["a": 299], listed: ["a": 300]) == [])
        #expect(SizeRules.findings(["a": 301], listed: ["a": 300]).count == 1)
        #expect(SizeRules.findings(["b": 251], listed: [:]).count == 1)
        #expect(SizeRules.findings([:], listed: ["a": 300]).count == 1)
    }

    private static let manifest = """
        let everything: [Target.Dependency] = ["Leases", "PostgresClient"]
        let package = Package(
            targets: [
                library("CLibpq", "libpq", "libpq-dev"),
                shared("PostgresClient", ["CLibpq", logging]),
                shared("Leases", ["PostgresClient"], exclude: ["Specs"]),
                .target(name: "Strange", dependencies: ["Leases", .product(name: "Logging", package: "swift-log")]),
                shared("KafkaClient", []), shared("SagaEngine", ["KafkaClient", "Leases"]),
                program("OutboxRelay", ["UploadService"]), program("UploadService", ["Leases"]),
                tests("UnitTests", everything),
            ]
        )
        """

    @Test func arrowsThatDoNotPointDownAreSeen() {
        let graph = PackageGraph(manifest: Self.manifest)
        #expect(graph.dependencies["Leases"] == ["PostgresClient"])
        #expect(graph.dependencies["UnitTests"] == ["Leases", "PostgresClient"])
        #expect(
            Layers.findings(graph) == [
                "OutboxRelay → UploadService does not point down",
                "SagaEngine → Leases does not point down",
                "SagaEngine → KafkaClient: mechanisms know PostgreSQL only",
                "Strange is in no layer",
            ]
        )
    }

    @Test func undeclaredImportsAndSharedCModulesAreSeen() {
        let graph = PackageGraph(manifest: Self.manifest)
        func lines(_ path: String, _ text: String) -> [Int] {
            ImportRules.findings(SourceFile(path, text), graph).map(\.line)
        }
        #expect(lines("Shared/Leases/A.swift", "import Glibc\npublic import struct KafkaClient.A\n") == [2])
        #expect(lines("Shared/Leases/A.swift", "internal import CLibpq\n") == [1])
        #expect(lines("Shared/PostgresClient/A.swift", "internal import CLibpq\n") == [])
        #expect(lines("Tests/UnitTests/Leases/A.swift", "@testable import Leases\n") == [])
    }

    @Test func unreadSpecificationsAreSeen() {
        let paths = ["Shared/E/Specs/a.yaml", "Shared/E/Specs/golden/x.json"]
        #expect(SpecificationRule.findings(paths, tests: "nothing") == paths)
        let tests = "read(\"a.yaml\"); specs.appending(path: \"golden\")"
        #expect(SpecificationRule.findings(paths, tests: tests) == [])
    }

    @Test func theListOfInvariantsIsHonest() {
        let document =
            "# T\n\n## Held by tests\n\n| I1 | a |\n| I2 | b |\n\n## Not yet built\n\n| I3 | c |\n| I4 | d |\n"
        let suite = "@" + "Suite(\""
        let list = InvariantList(document)
        #expect(list.held == ["I1", "I2"] && list.notYetBuilt == ["I3", "I4"])
        #expect(list.findings(tests: "\(suite)I1 a\")\n\(suite)I2 b\")") == [])
        let wrong = list.findings(
            tests: "\(suite)I1 a\")\n\(suite)I3 c\")\n\(suite)I9 x\")\n\(suite)I20 x\")"
        )
        #expect(wrong.count == 4, "\(wrong)")
        #expect(wrong.first?.hasPrefix("I2 ") == true)
    }
}
