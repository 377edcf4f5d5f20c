/// The boundary of a form's parts: 1 to 70 characters of RFC 2046, section 5.1.1.
public struct MultipartBoundary: Equatable, Sendable {
    let text: String
    /// CR LF `--` boundary: what ends the bytes of a part.
    let delimiter: [UInt8]

    /// The boundary named by a Content-Type field; `.notAForm` when there is none or it is not legal.
    public init(contentType: String?) throws(MultipartFailure) {
        guard let contentType, let parsed = HeaderParameters(contentType),
            parsed.value == "multipart/form-data", let boundary = parsed["boundary"]
        else { throw .notAForm }
        try self.init(boundary)
    }

    public init(_ text: String) throws(MultipartFailure) {
        let bytes = Array(text.utf8)
        guard (1...70).contains(bytes.count), bytes.last != UInt8(ascii: " "), bytes.allSatisfy(Self.isLegal)
        else {
            throw .notAForm
        }
        self.text = text
        delimiter = Array("\r\n--".utf8) + bytes
    }

    private static func isLegal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "'()+_,-./:=? ".utf8.contains(byte)
    }
}
