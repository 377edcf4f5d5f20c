internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// An answer, read to its end.
public struct HTTPAnswer: Sendable {
    public let status: Int
    /// Names in lower case; of a repeated field the first.
    public let fields: [String: String]
    public let body: [UInt8]

    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as a JSON object; empty when it is none.
    public var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
    }
    public func string(_ name: String) -> String? { json[name] as? String }
    public func integer(_ name: String) -> Int? { json[name] as? Int }
}

/// Lives as long as the test process. A program that is down is told at once, not tried until the time is over.
private let client: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
}()

extension TestStack {
    /// Sends one request.
    ///
    /// - Throws: when no complete answer came.
    public func send(
        _ method: String,
        _ program: StackProgram,
        _ path: String,
        fields: [String: String] = [:],
        body: [UInt8]? = nil,
        isLengthKnown: Bool = true,
        token: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> HTTPAnswer {
        var request = HTTPClientRequest(url: try url(of: program) + path)
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "authorization", value: "Bearer \(token ?? self.token)")
        for (name, value) in fields { request.headers.add(name: name, value: value) }
        if let body {
            request.body = .bytes(body, length: isLengthKnown ? .known(Int64(body.count)) : .unknown)
        }
        let response = try await client.execute(
            request,
            timeout: .milliseconds(Int64(limit / .milliseconds(1)))
        )
        var bytes: [UInt8] = []
        for try await piece in response.body { bytes += piece.readableBytesView }
        return HTTPAnswer(
            status: Int(response.status.code),
            fields: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first
            },
            body: bytes
        )
    }

    public func isReady(_ program: StackProgram) async throws -> Bool {
        try await send("GET", program, "/readyz", within: .seconds(5)).status == 200
    }

    public func isLive(_ program: StackProgram) async throws -> Bool {
        try await send("GET", program, "/livez", within: .seconds(5)).status == 200
    }

    /// - Parameter series: the name, with labels as they stand in the exposition: `waybill_x{outbox="upload"}`.
    /// - Returns: nil when the program does not tell.
    public func metric(_ series: String, of program: StackProgram) async throws -> Double? {
        let lines = try await send("GET", program, "/metrics", within: .seconds(15)).text.split(
            separator: "\n"
        )
        return lines.first { $0.hasPrefix(series + " ") }.flatMap {
            Double($0.dropFirst(series.utf8.count + 1))
        }
    }
}
