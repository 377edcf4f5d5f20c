import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// A response body that does not keep what its head promised.
struct ResponseLengthMismatch: Error, Equatable {
    let declared: Int64
    let written: Int64
}

/// Writes one response and counts its bytes. Throws as soon as the connection or the body's source fails.
struct ResponseSender {
    let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    let exchange: Exchange

    /// - Parameters:
    ///   - isHead: the request was HEAD: the fields describe a body that is not sent.
    ///   - isLast: no request can follow on this connection.
    mutating func send(_ response: Response, isHead: Bool, isLast: Bool) async throws {
        var head = response.head
        if isLast { head.headerFields[.connection] = "close" }
        guard !isHead, Self.mayHaveBody(head.status) else {
            if !Self.mayHaveBody(head.status) { head.headerFields[.contentLength] = nil }
            return try await outbound.write(contentsOf: [.head(head), .end(nil)])
        }
        let declared = response.body.contentLength.map(Int64.init)
        if declared == 0 {
            return try await outbound.write(contentsOf: [.head(head), .end(nil)])
        }
        let writer = BodyWriter(outbound: outbound, exchange: exchange, declared: declared, head: head)
        try await response.body.write(writer)
        try writer.checkFinished()
    }

    private static func mayHaveBody(_ status: HTTPResponse.Status) -> Bool {
        status.code >= 200 && status.code != 204 && status.code != 304
    }
}

/// Holds the body to its declared length. The head goes with the first bytes and the end with the last, so that most responses are
/// one write.
private struct BodyWriter: ResponseBodyWriter {
    let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    let exchange: Exchange
    let declared: Int64?
    let head: HTTPResponse
    /// With these the body has its declared length: they wait for the end.
    var last: ByteBuffer?

    mutating func write(_ buffer: ByteBuffer) async throws {
        guard buffer.readableBytes > 0 else { return }
        let total = exchange.addSent(buffer.readableBytes)
        if let declared, total > declared { throw ResponseLengthMismatch(declared: declared, written: total) }
        if total == declared {
            last = buffer
        } else {
            try await send([.body(buffer)])
        }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        let written = exchange.sentByteCount
        if let declared, written != declared {
            throw ResponseLengthMismatch(declared: declared, written: written)
        }
        exchange.markFinished()
        try await send((last.map { [.body($0)] } ?? []) + [.end(trailingHeaders)])
    }

    private func send(_ parts: [HTTPResponsePart]) async throws {
        try await outbound.write(contentsOf: exchange.takeHeadDue() ? [.head(head)] + parts : parts)
    }

    /// A body source that returns without `finish` has not written a whole response.
    func checkFinished() throws {
        guard exchange.isFinished else {
            throw ResponseLengthMismatch(declared: declared ?? -1, written: exchange.sentByteCount)
        }
    }
}
