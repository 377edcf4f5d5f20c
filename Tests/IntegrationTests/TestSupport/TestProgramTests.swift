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
