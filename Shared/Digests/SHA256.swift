/// SHA-256 over bytes that arrive in pieces (FIPS 180-4, through OpenSSL).
///
/// Not copyable: finishing it uses it up, so a digest cannot be taken from a hasher that goes on being fed.
public struct SHA256Hasher: ~Copyable, Sendable {
    private var context: DigestContext

    public init() { context = DigestContext(.sha256) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        withBytes(of: bytes) { pointer in context.update(pointer) }
    }

    public consuming func finalize() -> Digest256 { Digest256(unchecked: context.finish()) }
}

/// MD5 over bytes that arrive in pieces (RFC 1321). For Content-MD5 and ETags, never for safety.
public struct MD5Hasher: ~Copyable, Sendable {
    private var context: DigestContext

    public init() { context = DigestContext(.md5) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        withBytes(of: bytes) { pointer in context.update(pointer) }
    }

    public consuming func finalize() -> Digest128 { Digest128(unchecked: context.finish()) }
}
