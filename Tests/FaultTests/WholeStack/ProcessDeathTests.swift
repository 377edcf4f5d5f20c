import FaultPoints
import TestSupport
import Testing

/// Every fault point, in a process that really dies there under load, on a whole stack. The successor, which has to
/// recover from the death before, is the one that dies at the next point.
@Suite(
    "I50 a process may die at any point, and in the recovery from it",
    .timeLimit(.minutes(15))
)
struct ProcessDeathTests {
    @Test(arguments: Victim.all)
    func diesAtEachOfItsPoints(victim: Victim) async throws {
        try await TestStack.with { stack in
            var load = Load(stack)
            try await stack.stop(victim.program)
            for point in victim.points {
                try await stack.start(victim.program, crashAt: point)
                try await load.run(on: victim.program, until: "dies at \(point)") { $0.ended != nil }
                #expect(try await stack.exit(of: victim.program) == .exited(137), "\(point)")
            }
            try await stack.start(victim.program)
            await load.run()
            try await load.settle()
            #expect(try await stack.violations(within: .seconds(90)) == [])
            #expect(load.acknowledgedCount > 0)
        }
    }

    @Test(arguments: Victim.all)
    func failsAtEachOfItsPoints(victim: Victim) async throws {
        try await TestStack.with { stack in
            var load = Load(stack)
            for point in victim.points {
                try await stack.stop(victim.program)
                try await stack.start(victim.program, crashAt: point, mode: .throw)
                let announcement = CrashOnce.announcement(of: point)
                try await load.run(on: victim.program, until: "fails at \(point)") {
                    $0.output.contains(announcement)
                }
            }
            try await load.settle()
            #expect(try await stack.violations(within: .seconds(90)) == [])
            #expect(load.acknowledgedCount > 0)
        }
    }
}

extension Load {
    fileprivate mutating func run(
        on program: StackProgram,
        until what: String,
        _ isOver: (TestProgram) throws -> Bool
    ) async throws {
        let victim = try stack.program(program)
        try await eventually(within: .seconds(120), "\(program.rawValue) \(what)") {
            if try isOver(victim) { return true }
            await run()
            return try isOver(victim)
        }
    }
}
