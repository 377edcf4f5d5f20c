import AsyncHTTPClient
import Digests
import NIOCore
import NIOHTTP1
import ObjectStore

/// Sends one part of one upload: through the service, or straight to the store.
struct PartSender: Sendable {
    let api: APIClient
    let uploadID: String
    let plan: PartPlan
    let source: SourceFile
    let meter: ProgressMeter
    let isDirect: Bool

    func send(_ number: Int) async throws(ClientFailure) {
        guard let range = plan.range(of: number) else {
            throw .unusable("it asks for part \(number) of \(plan.partCount)")
        }
        let reader = RangeReader(source: source, range: range)
        let body = PartBody(reader, meter)
        do throws(ClientFailure) {
            if isDirect {
                try await sendToStore(number, reader, body)
            } else {
                try await sendToService(number, body)
            }
        } catch {
            body.takeBack()
            throw error
        }
    }

    private func sendToService(_ number: Int, _ body: PartBody) async throws(ClientFailure) {
        let path = "/api/v1/uploads/\(uploadID)/parts/\(number)"
        var request = APIRequest(.PUT, path).prepared(for: api.server)
        request.headers.add(name: "content-type", value: "application/octet-stream")
        request.body = .stream(body, length: .known(body.length))
        let answer = try api.document(in: try await api.answer(to: request), as: ReceivedPartFacts.self)
        // The service hashed what it passed on to the store.
        guard answer.sha256 == body.digest().hex else {
            throw .refused(
                Refusal(
                    status: 200,
                    code: "PART_DIFFERS",
                    detail: "Part \(number) arrived with other bytes than were sent."
                )
            )
        }
    }

    /// The URL is bound to the MD5 of the part: the store refuses other bytes (Content-MD5, RFC 1864).
    private func sendToStore(
        _ number: Int,
        _ reader: RangeReader,
        _ body: PartBody
    ) async throws(ClientFailure) {
        let wanted = WantedParts.Part(number: number, md5: try await reader.md5().base64)
        // Asked for anew in every attempt, so an expired one is never used twice.
        let urls = try await api.askOnce(
            try APIRequest(
                .POST,
                "/api/v1/uploads/\(uploadID)/parts",
                document: WantedParts(parts: [wanted])
            ),
            for: PartURLs.self
        )
        guard let target = urls.urls.first, urls.urls.count == 1 else {
            throw .unusable("it has no URL for part \(number)")
        }
        var request = HTTPClientRequest(url: target.url)
        request.method = .PUT
        for (name, value) in target.headers where !["host", "content-length"].contains(name.lowercased()) {
            request.headers.add(name: name, value: value)
        }
        request.body = .stream(body, length: .known(body.length))
        do throws(ClientFailure) { _ = try await api.answer(to: request) } catch { throw error.ofStore }
    }
}

/// The body of a request for URLs.
private struct WantedParts: Encodable {
    struct Part: Encodable {
        let number: Int
        let md5: String

        enum CodingKeys: String, CodingKey {
            case number = "part_number"
            case md5 = "content_md5"
        }
    }

    let parts: [Part]
}

extension ClientFailure {
    /// A store that refuses a signature may only find it too old: the next attempt brings a new one.
    fileprivate var ofStore: ClientFailure {
        guard case .refused(var refusal) = self, refusal.status == 403 else { return self }
        refusal.isRetryable = true
        return .refused(refusal)
    }
}
