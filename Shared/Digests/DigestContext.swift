import COpenSSL

enum DigestAlgorithm {
    case sha256
    case md5
}

/// Owns one `EVP_MD_CTX` and frees it exactly once.
///
/// `@unchecked Sendable` is true because the value cannot be copied: whoever holds it is the only one who can
/// reach the context, on whatever thread that is.
struct DigestContext: ~Copyable, @unchecked Sendable {
    private let raw: OpaquePointer

    /// OpenSSL refuses here only when memory is exhausted or the algorithm is switched off by policy (MD5 under
    /// FIPS). Going on would mean wrong digests, so the process stops, as Swift's own allocations do.
    init(_ algorithm: DigestAlgorithm) {
        guard let made = EVP_MD_CTX_new() else { preconditionFailure("EVP_MD_CTX_new: out of memory") }
        guard EVP_DigestInit_ex(made, DigestMethod.of(algorithm), nil) == 1 else {
            preconditionFailure("EVP_DigestInit_ex refused \(algorithm)")
        }
        raw = made
    }

    deinit { EVP_MD_CTX_free(raw) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        guard EVP_DigestUpdate(raw, bytes.baseAddress, bytes.count) == 1 else {
            preconditionFailure("EVP_DigestUpdate failed")
        }
    }

    consuming func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            var length: UInt32 = 0
            guard EVP_DigestFinal_ex(raw, buffer.baseAddress, &length) == 1 else {
                preconditionFailure("EVP_DigestFinal_ex failed")
            }
            count = Int(length)
        }
    }
}

/// OpenSSL's implementation of an algorithm, looked up once: `EVP_sha256()` would have it looked up at each use.
///
/// `@unchecked Sendable` is true because OpenSSL never changes a method it has handed out, and these are never freed.
private struct DigestMethod: @unchecked Sendable {
    private let raw: OpaquePointer

    private init(_ name: String) {
        guard let fetched = EVP_MD_fetch(nil, name, nil) else {
            preconditionFailure("OpenSSL has no \(name)")
        }
        raw = fetched
    }

    private static let sha256 = DigestMethod("SHA256")
    private static let md5 = DigestMethod("MD5")

    static func of(_ algorithm: DigestAlgorithm) -> OpaquePointer {
        algorithm == .sha256 ? sha256.raw : md5.raw
    }
}

/// Lends the sequence's own storage where it has one, else a copy.
func withBytes(of sequence: some Sequence<UInt8>, _ body: (UnsafeRawBufferPointer) -> Void) {
    let done: Void? = sequence.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
    if done == nil { Array(sequence).withUnsafeBytes(body) }
}
