import Foundation

/// Instructions per unit of work: figures without noise, so that what got slower shows on a busy machine too.
///
/// Each program runs under callgrind twice, with more work the second time; the difference by the additional work is what one
/// unit costs, without start and end. All threads of the program count, the clients' and servers' do not.
enum InstructionGuard {
    /// A figure above the last one by more than this is a regression.
    private static let tolerance = 1.05

    struct Figures: Codable, Sendable {
        var perUpload: Double
        var perEvent: Double
        var perListedKey: Double

        enum CodingKeys: String, CodingKey {
            case perUpload = "per_upload"
            case perEvent = "per_event"
            case perListedKey = "per_listed_key"
        }

        var all: [(String, Double)] {
            [("upload of 4 KiB", perUpload), ("relayed event", perEvent), ("listed key", perListedKey)]
        }
    }

    /// - Parameter file: the last figures; written when it is not there.
    /// - Returns: whether no figure has grown.
    static func run(at site: Site, against file: String) async throws -> Bool {
        let now = Figures(
            perUpload: try await perUnit(of: 100, 300) { try await uploads($0, at: site) },
            perEvent: try await perUnit(of: 5_000, 25_000) { try await events($0, at: site) },
            perListedKey: try await perUnit(of: 2, 22) { try await pages($0, at: site) } / 1_000
        )
        guard let data = FileManager.default.contents(atPath: file) else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try (encoder.encode(now) + Data("\n".utf8)).write(to: URL(fileURLWithPath: file))
            for (name, count) in now.all {
                say("\(name): \(Figure.text(count)) instructions (first figures)")
            }
            return true
        }
        let last = try JSONDecoder().decode(Figures.self, from: data)
        var isKept = true
        for ((name, count), (_, before)) in zip(now.all, last.all) {
            let isHigher = count > before * tolerance
            isKept = isKept && !isHigher
            let change = (count / before - 1) * 100
            say(
                "\(name): \(Figure.text(count)) instructions, last \(Figure.text(before)) "
                    + "(\(change < 0 ? "" : "+")\(Figure.text(change)) %)\(isHigher ? "  MORE" : "")"
            )
        }
        return isKept
    }

    private static func perUnit(
        of few: Int,
        _ many: Int,
        _ instructions: (Int) async throws -> Double
    ) async throws -> Double {
        let (less, more) = (try await instructions(few), try await instructions(many))
        return (more - less) / Double(many - few)
    }

    private static func uploads(_ count: Int, at site: Site) async throws -> Double {
        let deployment = try await Deployment(at: site)
        let callgrind = Callgrind(site)
        let service = try await deployment.start("UploadService", prefix: callgrind.prefix)
        let body = [UInt8](repeating: 0x77, count: 4_096)
        let requests = (0..<count).map { service.upload("\(Site.mark())-\($0)", body) }
        _ = try await Load.run(service.address, clients: 1, requests)
        await service.program.stop(within: .seconds(120))
        let total = try callgrind.total()
        await site.endRow()
        return total
    }

    private static func events(_ count: Int, at site: Site) async throws -> Double {
        let deployment = try await Deployment(at: site)
        let callgrind = Callgrind(site)
        let relay = try await deployment.start("OutboxRelay", prefix: callgrind.prefix)
        let transaction = try await Events.write(count, on: deployment.uploads)
        try await Events.arePublished(transaction, on: deployment.uploads)
        await relay.program.stop(within: .seconds(120))
        let total = try callgrind.total()
        await site.endRow()
        return total
    }

    private static func pages(_ count: Int, at site: Site) async throws -> Double {
        let deployment = try await Deployment(at: site)
        try await Fill.files(deployment, to: 1_000)
        try await Fill.objects(of: deployment)
        let callgrind = Callgrind(site)
        let own = Program.path(of: "Benchmarks")
        try await Command.run(
            callgrind.prefix[0],
            callgrind.prefix.dropFirst() + [
                own, "--list", site.store.url, deployment.bucket.name, "\(count)",
            ]
        )
        let total = try callgrind.total()
        await site.endRow()
        return total
    }
}

/// One run under callgrind.
private struct Callgrind {
    let file: String

    init(_ site: Site) { file = "\(site.folder)/callgrind-\(Site.mark())" }

    var prefix: [String] {
        // One thread runs at a time under valgrind; fairly, or a waiting thread may wait for ever.
        [
            "/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=\(file)", "--fair-sched=yes",
            "--quiet",
        ]
    }

    /// Instructions of all threads, from start to end.
    func total() throws -> Double {
        let text = try String(contentsOfFile: file, encoding: .utf8)
        guard
            let line = text.split(separator: "\n").last(where: {
                $0.hasPrefix("totals:") || $0.hasPrefix("summary:")
            }),
            let count = line.split(separator: " ").last.flatMap({ Double($0) })
        else { throw BenchFailure("callgrind wrote no total into \(file)") }
        return count
    }
}
