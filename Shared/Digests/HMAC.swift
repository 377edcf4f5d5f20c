import COpenSSL

/// HMAC-SHA-256 (RFC 2104): 32 bytes. An empty key is legal.
public func hmacSHA256(key: some Sequence<UInt8>, message: some Sequence<UInt8>) -> [UInt8] {
    let key = Array(key)
    let message = Array(message)
    return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
        var length: UInt32 = 0
        // Refused only when memory is exhausted; a wrong signature or token must not come out of that.
        let made = HMAC(
            EVP_sha256(),
            key,
            Int32(clamping: key.count),
            message,
            message.count,
            buffer.baseAddress,
            &length
        )
        guard made != nil, length == 32 else { preconditionFailure("HMAC failed") }
        count = 32
    }
}

/// HMAC-SHA-256 over the text's UTF-8.
public func hmacSHA256(key: some Sequence<UInt8>, message: String) -> [UInt8] {
    hmacSHA256(key: key, message: message.utf8)
}
