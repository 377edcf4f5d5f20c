import PostgresClient
import TestSupport
import Testing

/// Everything goes wrong while clients go on, in an order that a seed tells. Nobody restarts what did not die.
@Suite(
    "I3 I4 I5 I20 I28 programs, connections and answers die: versions only rise, nothing stays behind, all agree",
    .timeLimit(.minutes(4))
)
struct BadDayTests {
    @Test(arguments: [1, 2] as [UInt64]) func endsWell(_ seed: UInt64) async throws {
        var settings = StackSettings()
        settings.hasDatabaseDoor = true
        try await TestStack.with(settings) { stack in
            let load = StackLoad(stack, clientCount: 5, seed: seed)
            var generator = SeededGenerator(seed: seed)
            try await load.run {
                for mishap in Mishap.allCases.shuffled(using: &generator) {
                    try await load.passes(load.answerCount + 25)
                    try await mishap.happen(to: stack) { try await load.passes(load.answerCount + 15) }
                }
                try await load.passes(load.answerCount + 25)
            }
            #expect(load.findings == [])
            #expect(
                load.statuses.keys.allSatisfy { [200, 201, 404, 409, 410, 502, 503].contains($0) },
                "\(load.statuses)"
            )
            // Within 60 s of the last mishap.
            try await stack.isSound(within: .seconds(60))
        }
    }

    private enum Mishap: CaseIterable {
        case relayDies, indexerDies, uploadServiceDies
        case relayFreezes, indexerFreezes, uploadServiceFreezes
        case brokerFreezes, storeDies, storeFreezes, storeIsBusy, answersAreLost
        case databaseIsShut, databaseIsSilent, connectionsDie, commitsAreLost

        /// - Parameter meanwhile: how long it lasts, where clients can go on.
        func happen(to stack: TestStack, meanwhile: () async throws -> Void) async throws {
            switch self {
            case .relayDies: try await restart(.outboxRelay, meanwhile, stack)
            case .indexerDies: try await restart(.indexerService, meanwhile, stack)
            case .uploadServiceDies: try await restart(.uploadService, {}, stack)
            case .storeDies: try await restart(.devStore, {}, stack)
            case .relayFreezes: try await freeze(.outboxRelay, meanwhile, stack)
            case .indexerFreezes: try await freeze(.indexerService, meanwhile, stack)
            case .uploadServiceFreezes:
                try await freeze(.uploadService, { try await leasesRunOut(stack) }, stack)
            case .brokerFreezes: try await freeze(.devBroker, meanwhile, stack)
            case .storeFreezes: try await freeze(.devStore, {}, stack)
            case .storeIsBusy:
                try await stack.addFaults(
                    #"[{"action":"answer","status":503,"code":"SlowDown","bucket":"waybill","count":40}]"#
                )
                try await meanwhile()
                _ = try await stack.clearFaults()
            case .answersAreLost:
                try await stack.addFaults(#"[{"action":"dropAfter","bucket":"waybill","skip":1,"count":20}]"#)
                try await meanwhile()
                _ = try await stack.clearFaults()
            case .databaseIsShut, .databaseIsSilent, .connectionsDie, .commitsAreLost:
                if let door = stack.databaseDoor { try await happen(at: door, meanwhile) }
            }
        }

        private func happen(at door: NetworkDoor, _ meanwhile: () async throws -> Void) async throws {
            switch self {
            case .databaseIsShut:
                door.shut()
                try await meanwhile()
                door.open()
            case .databaseIsSilent:
                door.block()
                // As long as somebody is told so.
                try await meanwhile()
                door.open()
            case .connectionsDie: door.cut()
            default:
                for mark in ["file.stored", "upload.discarded", "file.indexed", "file.deleted"] {
                    door.loseCommitAnswer(after: mark)
                    try await meanwhile()
                }
            }
        }

        private func restart(
            _ program: StackProgram,
            _ meanwhile: () async throws -> Void,
            _ stack: TestStack
        ) async throws {
            try await stack.kill(program)
            try await meanwhile()
            try await stack.start(program)
        }

        /// So long that everything the program was about may be taken from it.
        private func leasesRunOut(_ stack: TestStack) async throws {
            try await eventually("every lease has run out") {
                try await stack.uploadDatabase.query(
                    "SELECT 1 FROM sagas WHERE lease_until > clock_timestamp()"
                )
                .isEmpty
            }
        }

        private func freeze(
            _ program: StackProgram,
            _ meanwhile: () async throws -> Void,
            _ stack: TestStack
        ) async throws {
            try stack.freeze(program)
            try await meanwhile()
            try stack.thaw(program)
        }
    }
}
