import Digests
import HTTPTypes
import HummingbirdCore
import NIOCore

/// A request's body: framing off, digests taken, claims checked at the end.
struct PayloadReader: ~Copyable {
    /// What a body that passed every check came to.
    struct Summary: Sendable {
        var length: Int64
        var etag: ETag
        var checksum: StoredChecksum?
    }

    let claims: ContentClaims
    private var source: RequestBody.AsyncIterator
    private var decoder: ChunkedDecoder?
    private var digests: ContentDigests
    private var received: Int64 = 0

    /// Answers `Expect: 100-continue`: call it when nothing but the body can still be refused.
    static func open(
        _ call: borrowing Call,
        _ writer: borrowing ResponseWriter,
        algorithm: ChecksumAlgorithm? = nil
    ) async throws(S3Error) -> PayloadReader {
        var claims = try ContentClaims(call.request, call.caller.payload)
        if claims.algorithm == nil { claims.algorithm = algorithm }
        if call.expectsContinue {
            do { try await writer.writeInformationalHead(HTTPResponse(status: .continue)) } catch {
                throw .incompleteBody
            }
        }
        return PayloadReader(claims, call)
    }

    private init(_ claims: ContentClaims, _ call: borrowing Call) {
        self.claims = claims
        source = call.body.makeAsyncIterator()
        digests = ContentDigests(needsSHA256: claims.sha256 != nil, algorithm: claims.algorithm)
        switch call.caller.payload {
        case .digest, .unsigned: decoder = nil
        case .signedChunks(let hasTrailer):
            decoder = ChunkedDecoder(chain: call.caller.chain, expectsTrailer: hasTrailer)
        case .unsignedChunks: decoder = ChunkedDecoder(chain: nil, expectsTrailer: true)
        }
    }

    /// The next bytes; nil at the end of the body.
    mutating func next() async throws(S3Error) -> ByteBuffer? {
        while true {
            if let piece = try decoder?.next() { return try count(piece) }
            guard let raw = try await nextRaw() else { return nil }
            if decoder == nil { return try count(raw) }
            decoder?.feed(raw)
        }
    }

    /// Checks every claim. Call it after `next` has returned nil.
    consuming func finish() throws(S3Error) -> Summary {
        if let isDone = decoder?.isDone, !isDone { throw .incompleteBody }
        let trailers = decoder?.trailers ?? []
        let claims = claims
        let received = received
        let values = digests.finish()
        try claims.check(values, length: received, trailers: trailers)
        let checksum = claims.algorithm.flatMap { algorithm in
            values.checksum.map { StoredChecksum(algorithm: algorithm, value: $0, type: .fullObject) }
        }
        return Summary(length: received, etag: ETag(md5: values.md5.bytes), checksum: checksum)
    }

    private mutating func nextRaw() async throws(S3Error) -> ByteBuffer? {
        // Whatever ends the stream early, the client or its connection: the body is not whole.
        do { return try await source.next() } catch { throw .incompleteBody }
    }

    private mutating func count(_ piece: ByteBuffer) throws(S3Error) -> ByteBuffer {
        received += Int64(piece.readableBytes)
        guard received <= claims.length else { throw .invalidRequest("The body is longer than declared.") }
        piece.withUnsafeReadableBytes { digests.update($0) }
        return piece
    }
}

extension PayloadReader {
    /// The whole body of a small request; refused above `limit` bytes.
    static func collect(
        _ call: borrowing Call,
        _ writer: borrowing ResponseWriter,
        limit: Int = 4 << 20
    ) async throws(S3Error) -> [UInt8] {
        var reader = try await open(call, writer)
        var bytes: [UInt8] = []
        while let piece = try await reader.next() {
            guard bytes.count + piece.readableBytes <= limit else { throw .malformedXML }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        _ = try reader.finish()
        return bytes
    }
}
