import AsyncHTTPClient
import Determinism
import Digests
import NIOCore
import NIOHTTP1

/// Fetches one file: what is there already is not fetched again, what came is verified, and the target appears whole.
struct Download: Sendable {
    let api: APIClient
    let facts: FileFacts
    let target: String
    let isReplacing: Bool
    let meter: ProgressMeter

    func run() async throws(ClientFailure) -> FetchedFile {
        let (id, target, isReplacing) = (facts.id, target, isReplacing)
        let partial = try await blocking { () throws(ClientFailure) in try PartialFile(of: id, target: target)
        }
        try await fetchAll(into: partial)
        let sha256 = try await verified(partial)
        try await blocking { () throws(ClientFailure) in
            try DurableFile.publish(partial.path, as: target, replacing: isReplacing)
        }
        return FetchedFile(
            id: id,
            path: target,
            size: facts.size,
            sha256: sha256.hex,
            verified: facts.sha256 != nil
        )
    }

    private func fetchAll(into partial: PartialFile) async throws(ClientFailure) {
        var offset = try await blocking { () throws(ClientFailure) in try partial.byteCount() }
        var tag = offset == 0 ? nil : try await entityTag()
        // Longer than the file: never written by this program.
        if offset > facts.size { offset = 0 }
        meter.start(total: facts.size, done: offset)
        var patience = Patience(limit: api.patience)
        var attemptCount = 0
        while offset < facts.size || tag == nil {
            let begin = offset
            do throws(ClientFailure) {
                try await fetch(from: &offset, &tag, into: partial)
                return
            } catch {
                if offset > begin {
                    patience.succeeded()
                    attemptCount = 0
                }
                let pause = patience.pause(
                    after: error,
                    attemptCount: attemptCount,
                    at: api.time.uptime,
                    api.random
                )
                guard let pause else { throw error }
                attemptCount += 1
                try await api.pause(for: pause)
            }
        }
    }

    private var contentPath: String { "/api/v1/files/\(facts.id)/content" }

    private func entityTag() async throws(ClientFailure) -> String? {
        let request = APIRequest(.HEAD, contentPath).prepared(for: api.server)
        return try await api.open(request).headers.first(name: "etag")
    }

    /// One request; `offset` tells how far it came, whether it succeeded or not.
    private func fetch(
        from offset: inout Int64,
        _ tag: inout String?,
        into partial: PartialFile
    ) async throws(ClientFailure) {
        var request = APIRequest(.GET, contentPath).prepared(for: api.server)
        if offset > 0, let tag {
            request.headers.add(name: "range", value: "bytes=\(offset)-")
            request.headers.add(name: "if-range", value: tag)
        }
        let response = try await api.open(request)
        tag = response.headers.first(name: "etag") ?? ""
        if response.status == .partialContent {
            let expected = "bytes \(offset)-\(facts.size - 1)/\(facts.size)"
            guard response.headers.first(name: "content-range") == expected else {
                throw .unusable("it is another range than was asked for")
            }
        } else {
            // From the start: also when the server knows another content than we have the beginning of.
            meter.add(-offset)
            offset = 0
        }
        let start = offset
        try await blocking { () throws(ClientFailure) in try partial.truncate(to: start) }
        try await write(response.body, from: &offset, into: partial)
    }

    private func write(
        _ body: HTTPClientResponse.Body,
        from offset: inout Int64,
        into partial: PartialFile
    ) async throws(ClientFailure) {
        var pieces = body.makeAsyncIterator()
        while true {
            let piece: ByteBuffer
            do {
                guard let next = try await pieces.next() else { break }
                piece = next
            } catch { throw ClientFailure(transport: error) }
            let position = offset
            guard Int64(piece.readableBytes) <= facts.size - position else {
                throw .unusable("it is longer than the file")
            }
            try await blocking { () throws(ClientFailure) in try partial.write(piece, at: position) }
            offset += Int64(piece.readableBytes)
            meter.add(Int64(piece.readableBytes))
        }
        guard offset == facts.size else { throw .lost("it ended before the file did") }
    }

    /// Of the bytes on disk, those of earlier runs included. Wrong ones are not kept.
    private func verified(_ partial: PartialFile) async throws(ClientFailure) -> Digest256 {
        let source = try await blocking { () throws(ClientFailure) in try SourceFile(opening: partial.path) }
        let sha256 = try await RangeReader(source: source, range: 0..<source.facts.size).sha256()
        guard let known = facts.sha256 else {
            Output.note("\(target) could not be verified: the server does not know its SHA-256 yet.")
            return sha256
        }
        guard sha256.hex == known.lowercased() else {
            try await blocking { () throws(ClientFailure) in partial.remove() }
            throw .local("\(target): what came has not the SHA-256 of the file. Nothing was kept.")
        }
        return sha256
    }
}
