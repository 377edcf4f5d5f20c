import AsyncHTTPClient
import Determinism
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// Talks to one UploadService.
struct APIClient: Sendable {
    let server: Server
    let http: HTTPClient
    let time: any TimeSource
    let random: any RandomSource
    /// How long nothing may succeed before a request is given up.
    let patience: Duration

    /// Who waits longer than for so many attempts is told why.
    private static let silentAttemptCount = 3

    /// Longer documents are refused. A page of 1 000 files with the longest names stays below.
    private static let documentLimit = 16 << 20

    /// Sends a request until there is an answer to keep: what passes by itself is waited for.
    func ask<Document: Decodable & Sendable>(
        _ request: APIRequest,
        for type: Document.Type
    ) async throws(ClientFailure) -> Document {
        var patience = Patience(limit: self.patience)
        var attemptCount = 0
        while true {
            do throws(ClientFailure) { return try await askOnce(request, for: type) } catch {
                let pause = patience.pause(after: error, attemptCount: attemptCount, at: time.uptime, random)
                guard let pause else { throw error }
                attemptCount += 1
                if attemptCount == Self.silentAttemptCount {
                    Output.complain(
                        "\(plain(error.sentence)) Trying on for up to \(self.patience.components.seconds) s."
                    )
                }
                try await self.pause(for: pause)
            }
        }
    }

    func askOnce<Document: Decodable & Sendable>(
        _ request: APIRequest,
        for type: Document.Type
    ) async throws(ClientFailure) -> Document {
        try document(in: try await answer(to: request.prepared(for: server)), as: type)
    }

    func document<Document: Decodable>(
        in body: ByteBuffer,
        as type: Document.Type
    ) throws(ClientFailure) -> Document {
        do { return try JSONDecoder().decode(type, from: Data(body.readableBytesView)) } catch {
            throw .unusable("it is not of the form this program knows")
        }
    }

    func pause(for duration: Duration) async throws(ClientFailure) {
        do { try await time.sleep(for: duration) } catch { throw .interrupted }
    }

    /// The whole body of a success.
    func answer(to request: HTTPClientRequest) async throws(ClientFailure) -> ByteBuffer {
        let response = try await open(request)
        return try await collect(response)
    }

    /// A success whose body is still to be read.
    func open(_ request: HTTPClientRequest) async throws(ClientFailure) -> HTTPClientResponse {
        let response: HTTPClientResponse
        do { response = try await http.execute(request, deadline: .distantFuture) } catch {
            throw ClientFailure(transport: error)
        }
        guard !(200..<300).contains(response.status.code) else { return response }
        throw .refused(Refusal(response, try await collect(response)))
    }

    private func collect(_ response: HTTPClientResponse) async throws(ClientFailure) -> ByteBuffer {
        do { return try await response.body.collect(upTo: Self.documentLimit) } catch is NIOTooManyBytesError
        {
            throw .unusable("it has more than \(Self.documentLimit) bytes")
        } catch { throw ClientFailure(transport: error) }
    }
}

extension ClientFailure {
    /// What the HTTP client threw: also what the body of our own request failed with.
    init(transport error: any Error) {
        switch error {
        case let failure as ClientFailure: self = failure
        case is CancellationError: self = .interrupted
        case let error as HTTPClientError where error == .cancelled && Task.isCancelled: self = .interrupted
        case let error as HTTPClientError:
            let isBeforeSending = [
                .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout, .invalidURL, .emptyHost,
            ].contains(error)
            self = isBeforeSending ? .unreachable(error.shortDescription) : .lost(error.shortDescription)
        case let error as NIOConnectionError:
            self = .unreachable("no connection to \(error.host):\(error.port)")
        case let error as IOError where Self.refusedConnection.contains(error.errnoCode):
            self = .unreachable("the connection was refused")
        case let error as IOError: self = .lost("the connection broke, errno \(error.errnoCode)")
        // Never the whole error: it might hold a URL with a signature.
        default: self = .unreachable("\(type(of: error))")
        }
    }

    /// ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENETDOWN: may arrive without NIO's wrapper.
    private static let refusedConnection: Set<Int32> = [111, 113, 101, 100]
}
