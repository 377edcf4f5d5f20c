import Digests
import NIOCore

/// Writes a body of known length as `aws-chunked` with a trailing checksum, signed chunk by chunk or not at all.
///
/// Unsigned chunks pass the caller's buffers on without copying; a signed chunk is gathered first, because its signature
/// stands before it. Each buffer is a turn for whoever sends it, so the line that ends a chunk goes with the next one's header.
///
/// Source: AWS, "Signature Calculations for the Authorization Header: Including Trailing Headers (Chunked Upload)".
struct ChunkedEncoder {
    /// Continues the chain of signatures that starts with the request's own.
    struct Signing {
        let signer: RequestSigner
        let moment: SigningMoment
        var previous: String

        mutating func chunk(_ bytes: ByteBuffer) -> String {
            let emptyHash = Digest256.of("").hex
            previous = signer.sign(
                "AWS4-HMAC-SHA256-PAYLOAD",
                "\(previous)\n\(emptyHash)\n\(bytes.withUnsafeReadableBytes { Digest256.of($0) }.hex)",
                at: moment
            )
            return previous
        }

        mutating func trailer(_ canonical: String) -> String {
            previous = signer.sign(
                "AWS4-HMAC-SHA256-TRAILER",
                "\(previous)\n\(Digest256.of(canonical).hex)",
                at: moment
            )
            return previous
        }
    }

    /// What is gathered must be small; what passes through may be as large as every store takes: MinIO 1 MiB in 2021, then
    /// 16 MiB (its issues 13163 and 21303).
    private static func chunkSize(isSigned: Bool) -> Int64 { isSigned ? 64 << 10 : 1 << 20 }

    private var unsent: Int64
    /// What is left of the chunk whose header was written (unsigned), or still to be gathered (signed).
    private var chunkRest = 0
    private var gathered = ByteBuffer()
    /// The end of the chunk before, still to be written.
    private var lineEnd = ""
    private var signing: Signing?
    private var checksum: RunningChecksum

    init(length: Int64, checksum: StoreProfile.TrailingChecksum, signing: Signing?) {
        unsent = length
        self.signing = signing
        self.checksum = RunningChecksum(checksum)
    }

    /// The body's length on the wire, which HTTP must know beforehand.
    static func encodedLength(of length: Int64, checksum: StoreProfile.TrailingChecksum, isSigned: Bool)
        -> Int64
    {
        let signature = isSigned ? Int64(";chunk-signature=".utf8.count + 64) : 0
        func chunk(_ size: Int64) -> Int64 {
            Int64(String(size, radix: 16).utf8.count) + signature + 2 + size + 2
        }
        let size = chunkSize(isSigned: isSigned)
        let (full, rest) = length.quotientAndRemainder(dividingBy: size)
        let chunks = full * chunk(size) + (rest > 0 ? chunk(rest) : 0)
        let trailer = Int64(checksum.headerName.utf8.count + 1 + checksum.base64Length + 2)
        let trailerSignature = isSigned ? Int64("x-amz-trailer-signature:".utf8.count + 64 + 2) : 0
        return chunks + 1 + signature + 2 + trailer + trailerSignature + 2
    }

    /// The buffers to send for these bytes. The caller never gives more than the declared length.
    mutating func encode(_ bytes: ByteBuffer) -> [ByteBuffer] {
        bytes.withUnsafeReadableBytes { checksum.update($0) }
        var rest = bytes
        var encoded: [ByteBuffer] = []
        while rest.readableBytes > 0 {
            if chunkRest == 0 {
                chunkRest = Int(min(unsent, Self.chunkSize(isSigned: signing != nil)))
                if chunkRest == 0 { return encoded }
                if signing == nil { encoded.append(header(of: chunkRest, "")) }
            }
            guard let piece = rest.readSlice(length: min(chunkRest, rest.readableBytes)) else {
                return encoded
            }
            take(piece, into: &encoded)
        }
        return encoded
    }

    /// The empty chunk, the checksum and, where signed, its signature.
    mutating func finish() -> ByteBuffer {
        let name = checksum.kind.headerName
        let value = checksum.base64
        let lastChunk = signing?.chunk(ByteBuffer()).asChunkExtension ?? ""
        let signature = signing?.trailer("\(name):\(value)\n").asTrailer ?? ""
        return ByteBuffer(string: "\(lineEnd)0\(lastChunk)\r\n\(name):\(value)\r\n\(signature)\r\n")
    }

    private mutating func header(of size: Int, _ signature: String) -> ByteBuffer {
        defer { lineEnd = "\r\n" }
        return ByteBuffer(string: "\(lineEnd)\(String(size, radix: 16))\(signature)\r\n")
    }

    private mutating func take(_ piece: ByteBuffer, into encoded: inout [ByteBuffer]) {
        chunkRest -= piece.readableBytes
        unsent -= Int64(piece.readableBytes)
        guard signing != nil else { return encoded.append(piece) }
        gathered.writeImmutableBuffer(piece)
        guard chunkRest == 0 else { return }
        let signature = signing?.chunk(gathered).asChunkExtension ?? ""
        encoded += [header(of: gathered.readableBytes, signature), gathered]
        gathered = ByteBuffer()
    }
}

extension String {
    fileprivate var asChunkExtension: String { ";chunk-signature=\(self)" }
    fileprivate var asTrailer: String { "x-amz-trailer-signature:\(self)\r\n" }
}

extension StoreProfile.TrailingChecksum {
    var headerName: String {
        switch self {
        case .sha256: "x-amz-checksum-sha256"
        case .crc32c: "x-amz-checksum-crc32c"
        case .crc64nvme: "x-amz-checksum-crc64nvme"
        }
    }

    var base64Length: Int {
        switch self {
        case .sha256: 44
        case .crc32c: 8
        case .crc64nvme: 12
        }
    }
}
