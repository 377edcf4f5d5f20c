import Foundation
import Testing

/// The rules of the house, kept by a test and not by reviewers. That each rule can fail is shown in `TidyRuleTests`.
@Suite("Tidy: the whole tree")
struct TidyTests {
    @Test func theTreeIsFound() {
        #expect(Repository.productFiles.count > 100 && Repository.testFiles.count > 50)
    }

    @Test func sqlIsInStoresOnly() {
        #expect(Repository.productFiles.flatMap(TextRules.sqlOutsideItsPlace) == [])
    }

    @Test(arguments: ForbiddenWords.ambient.map(\.pattern) + ForbiddenWords.abrupt.map(\.pattern))
    func theProductAvoids(_ pattern: String) throws {
        let words = ForbiddenWords.ambient + ForbiddenWords.abrupt
        try check(try #require(words.first { $0.pattern == pattern }), in: Repository.productFiles)
    }

    @Test(arguments: ForbiddenWords.inTests.map(\.pattern))
    func testsAvoid(_ pattern: String) throws {
        let word = try #require(ForbiddenWords.inTests.first { $0.pattern == pattern })
        try check(word, in: Repository.testFiles)
    }

    private func check(_ word: ForbiddenWord, in files: [SourceFile]) throws {
        #expect(files.flatMap(word.findings) == [])
        let used = files.filter { !word.occurrences(in: $0).isEmpty }.map(\.path)
        for exception in word.exceptions.keys {
            #expect(used.contains { $0.hasPrefix(exception) }, "\(exception) needs no exception any more")
        }
    }

    @Test func whatSwitchesAChecksOffSaysWhy() {
        #expect(Repository.swiftFiles.flatMap(TextRules.uncheckedWithoutReason) == [])
    }

    @Test func nothingIsLeftUnfinishedAndNoPathIsOfOneMachine() {
        #expect(Repository.files.flatMap(TextRules.leftovers) == [])
    }

    @Test func scriptsNameTheirShell() {
        let scripts = Repository.files.filter { $0.path.hasPrefix("deploy/") || $0.path.hasPrefix(".ci/") }
        #expect(!scripts.isEmpty && scripts.flatMap(TextRules.scriptTrouble) == [])
    }

    @Test func filesAndFunctionsStaySmall() {
        let found = Repository.swiftFiles.map(SizeRules.overLimit).reduce(into: [:]) { all, more in
            all.merge(more) { max($0, $1) }
        }
        #expect(SizeRules.findings(found, listed: SizeRules.offenders) == [])
    }

    @Test func arrowsPointDown() throws {
        let graph = PackageGraph(manifest: try Repository.text(of: "Package.swift"))
        #expect(graph.dependencies.count > 20)
        #expect(Layers.findings(graph) == [])
        #expect(Repository.swiftFiles.flatMap { ImportRules.findings($0, graph) } == [])
    }

    @Test func everySwiftFileBelongsToATarget() throws {
        let targets = PackageGraph(manifest: try Repository.text(of: "Package.swift")).dependencies.keys
        let homeless = Repository.swiftFiles.filter { $0.path != "Package.swift" }
            .filter { file in !targets.contains { $0 == file.target } }
        #expect(homeless.map(\.path) == [])
    }

    @Test func everySpecificationIsReadByATest() {
        let specifications = Repository.files.filter { $0.path.contains("/Specs/") }
        let tests = Repository.testFiles.map(\.text).joined(separator: "\n")
        #expect(!specifications.isEmpty)
        #expect(SpecificationRule.findings(specifications.map(\.path), tests: tests) == [])
    }

    @Test func examplesNameTheSettingsThatAreRead() throws {
        var examples: [String: Set<String>] = [:]
        var own: [String: Set<String>] = [:]
        for program in ["UploadService", "IndexerService", "OutboxRelay"] {
            examples[program] = SettingsRule.named(
                in: try Repository.text(of: "deploy/env/\(program).env.example")
            )
            own[program] = SettingsRule.read(in: Repository.productFiles.filter { $0.target == program })
        }
        let shared = SettingsRule.read(in: Repository.productFiles.filter { $0.path.hasPrefix("Shared/") })
        #expect(shared.count > 10)
        #expect(SettingsRule.findings(examples: examples, own: own, shared: shared) == [])
    }

    @Test func everyInvariantHasASuiteNamedAfterIt() throws {
        let list = InvariantList(try Repository.text(of: "Tests/INVARIANTS.md"))
        let tests = Repository.testFiles.map(\.text).joined(separator: "\n")
        #expect(!list.held.isEmpty && list.held.union(list.notYetBuilt).count == 60)
        #expect(list.findings(tests: tests) == [])
    }
}
