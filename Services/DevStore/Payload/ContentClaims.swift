import Digests
import FoundationEssentials

/// What a request says its body will come to.
struct ContentClaims: Sendable {
    /// Base64, 16 bytes.
    var md5: String?
    var sha256: Digest256?
    var algorithm: ChecksumAlgorithm?
    /// Base64; nil when it comes in the trailer or was not given.
    var checksum: String?
    var isChecksumInTrailer = false
    /// Of the payload, without framing.
    var length: Int64

    init(_ request: S3Request, _ payload: PayloadProtection) throws(S3Error) {
        length = try ContentClaims.length(request, payload)
        md5 = request.header("content-md5")
        if let md5, Data(base64Encoded: md5)?.count != 16 {
            throw S3Error(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
        }
        if case .digest(let digest) = payload { sha256 = digest }
        try readChecksum(request)
    }

    private mutating func readChecksum(_ request: S3Request) throws(S3Error) {
        guard request.header("x-amz-checksum-sha1") == nil else { throw .notImplemented("Checksum SHA1") }
        let given = ChecksumAlgorithm.allCases.filter { request.header($0.headerName) != nil }
        guard given.count <= 1 else {
            throw .invalidRequest("Expecting a single x-amz-checksum- header. Multiple were specified.")
        }
        if let one = given.first {
            algorithm = one
            checksum = request.header(one.headerName)
            let byteCount = checksum.flatMap { Data(base64Encoded: $0)?.count }
            guard byteCount == one.byteCount else {
                throw .invalidRequest("Value for \(one.headerName) header is invalid.")
            }
        } else if let trailer = request.header("x-amz-trailer")?.lowercased() {
            guard let named = ChecksumAlgorithm.allCases.first(where: { $0.headerName == trailer }) else {
                throw .invalidRequest("The x-amz-trailer \(trailer) is not supported.")
            }
            algorithm = named
            isChecksumInTrailer = true
        } else if let name = request.header("x-amz-sdk-checksum-algorithm") {
            guard let named = ChecksumAlgorithm(rawValue: name.lowercased()) else {
                throw .invalidRequest("Checksum algorithm provided is unsupported.")
            }
            algorithm = named
        }
    }

    private static func length(_ request: S3Request, _ payload: PayloadProtection) throws(S3Error) -> Int64 {
        let name: String
        switch payload {
        case .digest, .unsigned: name = "content-length"
        case .signedChunks, .unsignedChunks: name = "x-amz-decoded-content-length"
        }
        guard let text = request.header(name) else {
            if ["GET", "HEAD", "DELETE", "POST"].contains(request.method) { return 0 }
            throw .missingContentLength
        }
        guard let length = Int64(text), length >= 0 else { throw .invalidArgument("\(name) is not valid.") }
        return length
    }

    /// Refuses a body that is not what was claimed.
    func check(
        _ values: ContentDigests.Values,
        length received: Int64,
        trailers: [(name: String, value: String)]
    ) throws(S3Error) {
        guard received == length else { throw .incompleteBody }
        if let md5, md5 != values.md5.base64 { throw .badDigest("Content-MD5") }
        if let sha256, sha256 != values.sha256 {
            throw S3Error(
                400,
                "XAmzContentSHA256Mismatch",
                "The x-amz-content-sha256 header does not match what was received."
            )
        }
        guard let algorithm else { return }
        var expected = checksum
        if isChecksumInTrailer {
            expected = trailers.first { $0.name == algorithm.headerName }?.value
            guard expected != nil else { throw .invalidRequest("The announced trailer is missing.") }
        }
        if let expected, expected != values.checksum { throw .badDigest(algorithm.wireName) }
    }
}

extension ChecksumAlgorithm {
    var byteCount: Int {
        switch self {
        case .crc32, .crc32c: 4
        case .crc64nvme: 8
        case .sha256: 32
        }
    }
}
