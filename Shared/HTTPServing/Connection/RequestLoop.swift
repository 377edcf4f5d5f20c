import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Serves the requests of one connection, one after the other.
struct RequestLoop {
    let channel: any Channel
    let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    let responder: RequestResponder

    func run(_ parts: IncomingBody.Parts) async {
        responder.metrics.connectionOpened()
        defer { responder.metrics.connectionClosed() }
        var parts = parts
        do {
            while let head = try await nextHead(&parts) {
                guard try await serve(head, parts) else { break }
            }
        } catch {
            await refuse(error)
        }
        try? await channel.triggerUserOutboundEvent(FinishConnection())
        try? await channel.closeFuture.get()
    }

    private func nextHead(_ parts: inout IncomingBody.Parts) async throws -> HTTPRequest? {
        while let part = try await parts.next() {
            if case .head(let head) = part { return head }
        }
        return nil
    }

    /// False when no further request can follow. Throws when the connection can no longer be written to.
    private func serve(_ head: HTTPRequest, _ parts: IncomingBody.Parts) async throws -> Bool {
        let isContinueDue = head.headerFields[values: .expect].contains { $0.lowercased() == "100-continue" }
        let body = IncomingBody(parts: parts, isContinueDue: isContinueDue) { [outbound] in
            try await outbound.write(.head(HTTPResponse(status: .continue)))
        }
        let exchange = responder.begin(head, body, channel)
        let request = Request(head: head, body: RequestBody(asyncSequence: IncomingBodySequence(body: body)))
        let response = await responder.respond(to: request, exchange)
        body.revokeContinue()
        var sender = ResponseSender(outbound: outbound, exchange: exchange)
        do {
            try await sender.send(response, isHead: head.method == .head, isLast: body.failure != nil)
            responder.end(exchange, response, abortedBy: nil)
        } catch {
            responder.end(exchange, response, abortedBy: error)
            // Part of a response is out: only the end of the connection says that it is not whole.
            channel.close(promise: nil)
            return false
        }
        return await body.skipToEnd()
    }

    /// Answers what never became a request.
    private func refuse(_ error: any Error) async {
        guard let problem = Problem(connectionFailure: error) else { return }
        let (exchange, response) = responder.refuse(problem)
        var sender = ResponseSender(outbound: outbound, exchange: exchange)
        try? await sender.send(response, isHead: false, isLast: true)
        responder.end(exchange, response, abortedBy: nil)
    }
}
