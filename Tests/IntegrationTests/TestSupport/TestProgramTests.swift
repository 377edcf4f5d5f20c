import TestSupport
import Testing

/// `DevStore` stands for any program of the package: it has a ready line and ends on SIGTERM.
@Suite("A test's child programs")
struct TestProgramTests {
    @Test("A program that ends before it is ready is reported with its output")
    func endsEarly() async throws {
        await #expect {
            _ = try await TestProgram.start("DevStore", ["--no-such-option"])
        } throws: { error in
            guard case TestProgramFailure.ended("DevStore", let exit, _) = error else { return false }
            return exit != .exited(0)
        }
    }

    @Test("A program that was never built is named")
    func notBuilt() async throws {
        await #expect {
            _ = try await TestProgram.start("NoSuchProgram")
        } throws: { error in
            guard case TestProgramFailure.notBuilt(let path) = error else { return false }
            return path.hasSuffix("/NoSuchProgram")
        }
    }
}

@Suite("A command run to its end")
struct TestCommandTests {
    @Test func tellsBothStreamsAndTheExit() async throws {
        let ran = try await TestCommand.run("/bin/sh", ["-c", "printf 'a\\nb'; echo c >&2; exit 3"])
        #expect(ran.standardOutput == "a\nb" && ran.standardError == "c\n" && ran.exitCode == 3)
        let killed = try await TestCommand.run("/bin/sh", ["-c", "kill -9 $$"])
        #expect(killed.exit == .signalled(9) && killed.exitCode == 137 && killed.output == "")
    }

    /// More than a pipe holds, on both streams at once.
    @Test func readsWhateverItWrites() async throws {
        let script = "head -c 3000000 /dev/zero >&2 & head -c 3000000 /dev/zero; wait"
        let ran = try await TestCommand.run("/bin/sh", ["-c", script])
        #expect(ran.standardOutput.utf8.count == 3_000_000 && ran.standardError.utf8.count == 3_000_000)
    }

    @Test func oneThatDoesNotEndIsKilled() async throws {
        await #expect(throws: TestProgramFailure.self) {
            try await TestCommand.run("/bin/sleep", ["600"], within: .milliseconds(50))
        }
    }
}
