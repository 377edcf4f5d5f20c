import Foundation
import TestSupport
import Testing

/// Every interleaving of what the models in Tests/Models describe, searched by Spin. A model that nothing could break would
/// prove nothing: so each is also searched with mistakes built in, and the search must find them.
@Suite("I2 I4 I6 I33 models of completing and of removing, searched to the end")
struct ModelTests {
    @Test("nothing that may happen breaks what is held", arguments: ["completion", "cleanup"])
    func holds(model: String) async throws {
        let output = try await search(model, without: nil)
        #expect(output.contains(/State-vector .* errors: 0\n/), "\(output)")
        for words in [
            "Search not completed", "max search depth", "out of memory", "hash-compact", "bitstate",
        ] {
            #expect(!output.contains(words), "not searched to the end: \(output)")
        }
        // The only line that may never be reached is the end of the property itself: it holds for ever.
        let unreached = output.matches(of: /unreached in proctype \w+\n\t(.*)\n/).map { String($0.output.1) }
        #expect(!unreached.isEmpty && unreached.allSatisfy { $0.hasPrefix("(0 of ") }, "\(output)")
    }

    @Test(
        "a mistake is found",
        arguments: [
            ("completion", "NOSUCH_IS_FAILURE"), ("completion", "NOSUCH_IS_SUCCESS"),
            ("completion", "DELETE_ON_LOST_CAS"), ("completion", "NO_EPOCH"),
            ("completion", "EXPIRE_COMPLETING"),
            ("cleanup", "SINGLE_LOOK"), ("cleanup", "LOOK_AT_ONCE"), ("cleanup", "GRACE_PERIOD"),
            ("cleanup", "READ_THEN_DOOM"),
        ]
    )
    func catches(model: String, mistake: String) async throws {
        let output = try await search(model, without: mistake)
        #expect(output.contains(/State-vector .* errors: [1-9]/), "\(output)")
        #expect(output.contains(/pan:1: (assertion violated|acceptance cycle)/), "\(output)")
    }

    @Test("every mistake a model offers is among those looked for")
    func complete() throws {
        for (model, count) in [("completion", 5), ("cleanup", 4)] {
            let text = try String(contentsOf: Self.folder.appending(path: "\(model).pml"), encoding: .utf8)
            let names = Set(text.matches(of: /#ifn?def ([A-Z_]+)/).map { String($0.output.1) })
            #expect(names.count == count, "\(names)")
        }
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Models").standardized

    /// Spin writes a program that searches; it is compiled and run, all in a folder of its own.
    private func search(_ model: String, without mistake: String?) async throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let script = """
            cd "$1" && spin -a ${3:+"-D$3"} "$2" && cc -w -O1 -o pan pan.c && ./pan -a -m100000
            """
        let file = Self.folder.appending(path: "\(model).pml").path
        let command = try await TestCommand.run(
            "/bin/sh",
            ["-c", script, "sh", folder.path, file, mistake ?? ""],
            within: .seconds(120)
        )
        #expect(
            command.isSuccess,
            "spin and a C compiler are needed (deploy/test installs them): \(command.output)"
        )
        return command.output
    }
}
