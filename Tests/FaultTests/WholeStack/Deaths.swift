import FaultPoints
import TestSupport
import Testing

/// Deaths of service and client during one upload, and what each may cost.
struct Deaths {
    private struct Death {
        /// Requests with parts before it.
        let earlierCount: Int
        /// Stored for good by then.
        let settled: Set<String>
    }

    private let upload: LargeUpload
    private let clientDiesToo: Bool
    private var client: TestProgram?
    private var deaths: [Death] = []
    /// Parts that may have been on their way.
    private var allowance = 0

    /// - Parameters:
    ///   - clientDiesToo: with each death of the service.
    init(of upload: LargeUpload, clientDiesToo: Bool = false) {
        self.upload = upload
        self.clientDiesToo = clientDiesToo
    }

    /// The service, which is down, is started in order to die at `point`.
    ///
    /// - Parameter count: parts that may be on their way then.
    mutating func dies(at point: FaultPoint, costing count: Int = 0) async throws {
        try await upload.stack.start(.uploadService, crashAt: point)
        try await keepClientRunning()
        let service = try upload.stack.program(.uploadService)
        try await eventually(within: .seconds(120), "the service dies at \(point)") { service.ended != nil }
        #expect(try await upload.stack.exit(of: .uploadService) == .exited(137), "\(point)")
        try await note(costing: count)
    }

    /// The service is started if it is down, and killed as soon as the store has so many parts.
    mutating func isKilled(after count: Int) async throws {
        if (try? upload.stack.program(.uploadService)) == nil { try await upload.stack.start(.uploadService) }
        try await keepClientRunning()
        try await upload.storeHas(parts: count)
        try await upload.stack.kill(.uploadService)
        try await note(costing: LargeUpload.parallel)
    }

    mutating func clientIsKilled(after count: Int) async throws {
        try await keepClientRunning()
        try await upload.storeHas(parts: count)
        await client?.kill()
        client = nil
        #expect(upload.isUnderWay)
        try await note(costing: LargeUpload.parallel)
    }

    private mutating func note(costing count: Int) async throws {
        if clientDiesToo {
            await client?.kill()
            client = nil
        }
        allowance += count
        // First what is settled: its writes are among the earlier ones then.
        let settled = try await upload.settledParts()
        deaths.append(Death(earlierCount: try await upload.partWrites().count, settled: settled))
    }

    /// A client that has ended by itself has done its work.
    private mutating func keepClientRunning() async throws {
        if let client {
            #expect(client.ended ?? .exited(0) == .exited(0), "\(client.output)")
        } else if deaths.isEmpty || upload.isUnderWay {
            client = try await upload.launchClient()
        }
    }

    /// Nobody dies any more: the upload comes to its end, and what it cost is counted.
    mutating func areOver() async throws {
        if (try? upload.stack.program(.uploadService)) == nil { try await upload.stack.start(.uploadService) }
        try await keepClientRunning()
        if let client {
            #expect(try await client.exit(within: .seconds(600)) == .exited(0), "\(client.output)")
        }
        #expect(!upload.isUnderWay)
        try await areCheap()
        try await upload.isStoredOnce()
    }

    private func areCheap() async throws {
        let writes = try await upload.partWrites()
        let stored = writes.filter(\.applied)
        #expect(Set(stored.map(\.partNumber)).count == upload.partCount)
        let repeatCount = stored.count - upload.partCount
        print("\(upload.partCount) parts, \(deaths.count) deaths, \(repeatCount) parts stored again")
        #expect(repeatCount <= allowance, "\(deaths.count) deaths")
        for death in deaths {
            let again = writes.dropFirst(death.earlierCount).map(\.partNumber).filter(death.settled.contains)
            #expect(again.isEmpty, "sent again although they were stored")
        }
    }
}
