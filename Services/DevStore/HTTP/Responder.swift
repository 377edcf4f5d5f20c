import Determinism
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// Answers every request: understand, authenticate, allow, perform, write.
struct Responder: Sendable {
    /// What is read and thrown away so that a refused client sees the answer; beyond it the connection closes.
    private static let drainByteLimit: Int64 = 16 << 20

    let operations: Operations
    let authenticator: Authenticator
    let time: any TimeSource
    let requestIDs = TemporaryNames()
    let logger: Logger
    #if DEBUG
        let faults: FaultInjector
    #endif

    /// Throwing closes the connection, which is all that can be done once an answer has begun.
    func respond(to request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws
    {
        let requestID = versionText(requestIDs.next())
        let head = request.head
        #if DEBUG
            guard let answer = await answerWithFaults(to: request, requestID, writer) else {
                return try await channel.close()
            }
        #else
            let answer = await answer(to: request, requestID, writer)
        #endif
        let mustClose = closes(after: answer, request)
        try await write(answer, head, requestID, isLast: mustClose, writer)
        if mustClose { throw ConnectionEnds() }
    }

    func answer(
        to request: Request,
        _ requestID: String,
        _ writer: borrowing ResponseWriter
    ) async -> Answer {
        var answer: Answer
        do throws(S3Error) {
            let understood = try S3Request(request.head)
            do throws(S3Error) { answer = try await perform(understood, request.body, writer) } catch {
                answer = Answer(error, resource: resource(request), requestID: requestID)
            }
            if understood.method != "OPTIONS" {
                operations.allow(understood, method: understood.method, headers: [], in: &answer)
            }
        } catch {
            answer = Answer(error, resource: resource(request), requestID: requestID)
        }
        return answer
    }

    private func perform(
        _ understood: S3Request,
        _ body: RequestBody,
        _ writer: borrowing ResponseWriter
    ) async throws(S3Error) -> Answer {
        let operation = try Operation(understood)
        if operation == .preflight { return try operations.preflight(understood) }
        let caller = try authenticator.authenticate(understood)
        let request = understood.withPresignedHeaders
        let call = Call(request: request, operation: operation, caller: caller, body: body)
        if let grant = caller.grant {
            try grant.check(operation, key: request.key)
        } else if operation != .postForm {
            try operations.checkAnonymous(call)
        }
        return try await operations.perform(call, writer)
    }

    func resource(_ request: Request) -> String {
        String((request.head.path ?? "/").prefix { $0 != "?" })
    }

    /// After a refusal the rest of the body is read only when it is short; a body that was never asked for
    /// may not come at all, and botocore misreads what follows on such a connection.
    private func closes(after answer: Answer, _ request: Request) -> Bool {
        guard answer.status >= 400 else { return false }
        let length = request.headers[.contentLength].flatMap { Int64($0) } ?? 0
        return length > Self.drainByteLimit || request.headers[.expect] != nil
    }

    private func write(
        _ answer: Answer,
        _ request: HTTPRequest,
        _ requestID: String,
        isLast: Bool,
        _ writer: consuming ResponseWriter
    ) async throws {
        var head = HTTPResponse(status: HTTPResponse.Status(code: answer.status))
        for (name, value) in answer.headers { head.headerFields.append(HTTPField(name: name, value: value)) }
        head.headerFields[.date] = Dates.http(milliseconds: time.now.millisecondsSinceEpoch)
        head.headerFields[.server] = "DevStore"
        head.headerFields[.amzRequestID] = requestID
        if isLast { head.headerFields[.connection] = "close" }
        if answer.status != 204, answer.status != 304 {
            head.headerFields[.contentLength] = String(answer.contentLength)
        }
        guard request.method != .head, answer.contentLength > 0 else {
            return try await writer.writeResponse(head)
        }
        switch answer.body {
        case .none: try await writer.writeResponse(head)
        case .text(let text):
            try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        case .object(let stored, let range):
            #if DEBUG
                if let damage = answer.damage {
                    return try await send(stored, range, head, damaged: damage, writer)
                }
            #endif
            try await send(stored, range, head, writer)
        }
    }

    private func send(
        _ stored: StoredObject,
        _ range: Range<Int64>,
        _ head: HTTPResponse,
        _ writer: consuming ResponseWriter
    ) async throws {
        var pieces = stored.pieces(range)
        // Read before the head is sent: an unreadable file is still an honest answer then.
        let first = try pieces.next() ?? ByteBuffer()
        if Int64(first.readableBytes) == range.upperBound - range.lowerBound {
            return try await writer.write(response: head, body: ResponseBody(byteBuffer: first))
        }
        var body = try await writer.writeHead(head)
        try await body.write(first)
        while let piece = try pieces.next() { try await body.write(piece) }
        try await body.finish(nil)
    }
}

/// Thrown to make the server close the connection.
struct ConnectionEnds: Error {}

extension S3Request {
    /// A presigned URL may carry headers as parameters: they are signed like the rest of the query.
    var withPresignedHeaders: S3Request {
        guard has("X-Amz-Signature") else { return self }
        let own: Set = [
            "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
            "x-amz-signature", "x-amz-security-token", "x-amz-content-sha256",
        ]
        var copy = self
        for (name, value) in query {
            let name = name.lowercased()
            guard name.hasPrefix("x-amz-"), !own.contains(name), header(name) == nil else { continue }
            copy.headers.append((name, value))
        }
        return copy
    }
}
