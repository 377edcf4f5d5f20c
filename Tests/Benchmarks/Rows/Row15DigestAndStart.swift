import Determinism
import Digests
import Foundation

extension Row {
    static let digestAndStart = Row(
        number: 15,
        title: "SHA-256 stream ÷ `openssl speed`; start to ready",
        comparisons: [
            Comparison(
                "SHA-256 of a stream ÷ openssl speed",
                unit: "MB/s",
                "waybill",
                over: "openssl",
                floor: 0.9,
                goal: 0.97
            ),
            Comparison(
                "UploadService: start to ready",
                unit: "ms",
                "start",
                better: .less,
                floor: 1_000,
                goal: 250
            ),
        ]
    ) { site in
        let deployment = try await Deployment(at: site)
        let pieces = site.scaled(16_384, least: 1_024)
        return Trial(sides: [
            Side("waybill") { await onThread { digestRate(pieces: pieces) } },
            Side("openssl") { try await opensslRate() },
            Side("start") {
                let begin = Clock.uptime
                let service = try await deployment.start("UploadService")
                let took = (Clock.uptime - begin).inSeconds * 1_000
                await service.program.stop()
                return took
            },
        ])
    }

    private static let pieceBytes = 65_536

    /// As an upload's bytes come: piece by piece.
    private static func digestRate(pieces: Int) -> Double {
        let piece = [UInt8](repeating: 0x5a, count: pieceBytes)
        let begin = Clock.uptime
        var hasher = SHA256Hasher()
        for _ in 0..<pieces { piece.withUnsafeBytes { hasher.update($0) } }
        _ = hasher.finalize()
        return Double(pieces * pieceBytes) / 1e6 / (Clock.uptime - begin).inSeconds
    }

    private static func opensslRate() async throws -> Double {
        let text = try await Command.run(
            "/usr/bin/openssl",
            ["speed", "-mr", "-seconds", "1", "-bytes", "\(pieceBytes)", "-evp", "sha256"]
        )
        // +F:<number>:<name>:<bytes a second>
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("+F:") }),
            let rate = line.split(separator: ":").last.flatMap({ Double($0) })
        else { throw BenchFailure("openssl said: \(text)") }
        return rate / 1e6
    }
}
