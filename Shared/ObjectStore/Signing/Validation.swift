/// Refuses what the store would, before anything is sent: an empty key would address the bucket itself.
func validateKey(_ key: String) throws(StoreFailure) {
    guard (1...1024).contains(key.utf8.count) else {
        throw .refused(status: 0, code: "InvalidKey", message: "a key has 1 to 1024 bytes")
    }
    // An HTTP library on the way may resolve such a segment and address another object.
    guard !hasDotSegment(key) else {
        throw .refused(status: 0, code: "InvalidKey", message: "a key has no segment that is . or ..")
    }
}

/// Whether a segment is `.` or `..`.
private func hasDotSegment(_ key: String) -> Bool {
    var (length, dots) = (0, 0)
    for byte in key.utf8 {
        if byte == UInt8(ascii: "/") {
            if (1...2).contains(length), dots == length { return true }
            (length, dots) = (0, 0)
        } else {
            length += 1
            if byte == UInt8(ascii: ".") { dots += 1 }
        }
    }
    return (1...2).contains(length) && dots == length
}

/// Header values are visible ASCII and inner spaces: anything else would end the header, or be signed differently than sent.
func validateHeaders(_ headers: [(name: String, value: String)]) throws(StoreFailure) {
    for (name, value) in headers {
        let isName = !name.isEmpty && name.utf8.allSatisfy(isTokenByte)
        let isValue =
            value.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !value.hasPrefix(" ")
            && !value.hasSuffix(" ")
        guard isName, isValue else {
            throw .refused(
                status: 0,
                code: "InvalidHeader",
                message: "\(isName ? name : "a header name") is not plain ASCII"
            )
        }
    }
}

/// radosgw takes part numbers 0 and 10001, and loses what is in them.
func validatePartNumber(_ number: Int, _ profile: StoreProfile) throws(StoreFailure) {
    guard number >= 1, number <= profile.partCountLimit else {
        throw .refused(
            status: 0,
            code: "InvalidPartNumber",
            message: "parts go from 1 to \(profile.partCountLimit)"
        )
    }
}

func metadataHeaders(_ metadata: [String: String]) -> [(name: String, value: String)] {
    metadata.map { ("x-amz-meta-\($0.key.lowercased())", $0.value) }
}

private func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
    default: false
    }
}
