import Digests
import NIOCore

/// Takes the `aws-chunked` framing off a body and verifies the signature of every chunk.
///
/// ```
/// <size in hex>[;chunk-signature=<64 digits>]\r\n <bytes> \r\n … 0[;chunk-signature=…]\r\n [name:value\r\n …] \r\n
/// ```
/// Source: Amazon S3 API Reference, "Transferring payload in multiple chunks (chunked upload)".
struct ChunkedDecoder: ~Copyable {
    private enum Step { case size, bytes(Int), bytesEnd, trailers, done }

    private static let lineByteLimit = 8192

    private let signing: SigningContext?
    private let expectsTrailer: Bool
    private var previousSignature: String
    private var claimedSignature = ""
    private var chunk = SHA256Hasher()
    private var step = Step.size
    private var input = ByteBuffer()
    private(set) var trailers: [(name: String, value: String)] = []

    /// - Parameter chain: nil when chunks are not signed.
    init(chain: (context: SigningContext, seed: String)?, expectsTrailer: Bool) {
        signing = chain?.context
        previousSignature = chain?.seed ?? ""
        self.expectsTrailer = expectsTrailer
    }

    var isDone: Bool { if case .done = step { true } else { false } }

    mutating func feed(_ buffer: ByteBuffer) {
        if input.readableBytes == 0 { input = buffer } else { input.writeImmutableBuffer(buffer) }
    }

    /// The next bytes of the payload; nil when more input is needed or the end has come.
    mutating func next() throws(S3Error) -> ByteBuffer? {
        while true {
            switch step {
            case .size:
                guard let line = try line() else { return nil }
                try begin(line)
            case .bytes(let left):
                guard let bytes = input.readSlice(length: min(left, input.readableBytes)),
                    bytes.readableBytes > 0
                else { return nil }
                if signing != nil { bytes.withUnsafeReadableBytes { chunk.update($0) } }
                step = left == bytes.readableBytes ? .bytesEnd : .bytes(left - bytes.readableBytes)
                return bytes
            case .bytesEnd:
                guard let line = try line() else { return nil }
                guard line.isEmpty else { throw ChunkedDecoder.malformed }
                try endChunk()
                step = .size
            case .trailers:
                guard let line = try line() else { return nil }
                try trailer(line)
            case .done: return nil
            }
        }
    }

    private mutating func begin(_ line: String) throws(S3Error) {
        let pieces = line.split(separator: ";", maxSplits: 1)
        guard let size = pieces.first.flatMap({ Int($0, radix: 16) }), size >= 0, size <= 5 << 30 else {
            throw ChunkedDecoder.malformed
        }
        if signing != nil {
            guard pieces.count == 2, pieces[1].hasPrefix("chunk-signature=") else {
                throw ChunkedDecoder.malformed
            }
            claimedSignature = String(pieces[1].dropFirst(16))
        }
        guard size == 0 else {
            step = .bytes(size)
            return
        }
        try endChunk()
        step = .trailers
    }

    private mutating func endChunk() throws(S3Error) {
        guard let signing else { return }
        var finished = SHA256Hasher()
        swap(&finished, &chunk)
        let digest = finished.finalize()
        let signature = signing.chunkSignature(previous: previousSignature, digest: digest)
        guard isSameSignature(signature, claimedSignature) else { throw .badSignature }
        previousSignature = signature
    }

    private mutating func trailer(_ line: String) throws(S3Error) {
        if line.isEmpty {
            try checkTrailerSignature()
            step = .done
            return
        }
        let sides = line.split(separator: ":", maxSplits: 1)
        guard expectsTrailer, sides.count == 2, trailers.count < 10 else { throw ChunkedDecoder.malformed }
        trailers.append((sides[0].lowercased(), String(sides[1]).trimmed))
    }

    private func checkTrailerSignature() throws(S3Error) {
        guard let signing, expectsTrailer else { return }
        let signed = trailers.filter { $0.name != "x-amz-trailer-signature" }
            .map { "\($0.name):\($0.value)\n" }.joined()
        let claimed = trailers.first { $0.name == "x-amz-trailer-signature" }?.value ?? ""
        let signature = signing.trailerSignature(previous: previousSignature, trailers: signed)
        guard isSameSignature(signature, claimed) else { throw .badSignature }
    }

    /// Up to CR LF, without it; nil when it has not come yet.
    private mutating func line() throws(S3Error) -> String? {
        let view = input.readableBytesView
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
            guard view.count <= Self.lineByteLimit else { throw ChunkedDecoder.malformed }
            return nil
        }
        let length = end - view.startIndex
        guard let text = input.readString(length: length) else { return nil }
        input.moveReaderIndex(forwardBy: 1)
        return text.hasSuffix("\r") ? String(text.dropLast()) : text
    }

    private static let malformed = S3Error(
        400,
        "InvalidChunkFormat",
        "The aws-chunked framing of the body is malformed."
    )
}
