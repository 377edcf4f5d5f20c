import NIOCore

/// Reads a form whose last part is the file, as S3 demands: fields are kept, the file's bytes passed on.
struct FormParser: Sendable {
    private enum Step { case preamble, headers, field(String), file, done }

    private static let fieldsByteLimit = 64 << 10

    /// Names in lower case.
    private(set) var fields: [String: String] = [:]
    private var fileName = ""
    private var step = Step.preamble
    private var input = ByteBuffer()
    private let delimiter: [UInt8]

    init(boundary: String) { delimiter = Array("\r\n--\(boundary)".utf8) }

    static func boundary(_ contentType: String) -> String? {
        guard contentType.lowercased().hasPrefix("multipart/form-data") else { return nil }
        let parameter = contentType.split(separator: ";").map { String($0).trimmed }.first {
            $0.lowercased().hasPrefix("boundary=")
        }
        let value = parameter?.dropFirst(9).filter { $0 != "\"" } ?? ""
        return (1...70).contains(value.utf8.count) ? String(value) : nil
    }

    var isComplete: Bool { if case .done = step { true } else { false } }

    /// `${filename}` in the key stands for the name the browser sent.
    var key: String {
        let pattern = fields["key"] ?? ""
        guard let range = pattern.firstRange(of: "${filename}") else { return pattern }
        return pattern[..<range.lowerBound] + fileName + pattern[range.upperBound...]
    }

    /// The fields that a PUT would send as headers.
    var headers: [S3Request.Parameter] {
        fields.filter { $0.key != "x-amz-signature" && $0.key != "policy" }.map { ($0.key, $0.value) }
    }

    /// - Returns: bytes of the file, when there are some to pass on.
    mutating func feed(_ buffer: ByteBuffer) throws(S3Error) -> ByteBuffer? {
        // A first line without the CR LF before it is treated like all others.
        if case .preamble = step, input.readableBytes == 0 { input.writeString("\r\n") }
        input.writeImmutableBuffer(buffer)
        var file: ByteBuffer?
        while try advance(&file) {}
        input.discardReadBytes()
        return file
    }

    /// False when more input is needed.
    private mutating func advance(_ file: inout ByteBuffer?) throws(S3Error) -> Bool {
        switch step {
        case .preamble:
            guard take(through: delimiter) != nil else { return try wait() }
            step = .headers
        case .headers:
            if input.readableBytesView.starts(with: Array("--".utf8)) {
                step = .done
                return false
            }
            guard let block = take(through: Array("\r\n\r\n".utf8)) else { return try wait() }
            try begin(String(decoding: block, as: UTF8.self))
        case .field(let name):
            guard let value = take(through: delimiter) else { return try wait() }
            fields[name] = String(decoding: value, as: UTF8.self)
            step = .headers
        case .file: return pass(&file)
        case .done: return false
        }
        return true
    }

    /// Passes on what surely belongs to the file: all but a tail that may be the start of the delimiter.
    private mutating func pass(_ file: inout ByteBuffer?) -> Bool {
        if let bytes = take(through: delimiter) {
            file = ByteBuffer(bytes: bytes)
            step = .done
            return false
        }
        let sure = input.readableBytes - delimiter.count
        if sure > 0 { file = input.readSlice(length: sure) }
        return false
    }

    private mutating func begin(_ block: String) throws(S3Error) {
        var parameters: [String: String] = [:]
        for line in block.split(separator: "\r\n") where line.lowercased().hasPrefix("content-disposition:") {
            for piece in line.split(separator: ";").dropFirst() {
                let sides = piece.split(separator: "=", maxSplits: 1)
                guard sides.count == 2 else { continue }
                parameters[String(sides[0]).trimmed] = String(sides[1]).trimmed.filter { $0 != "\"" }
            }
        }
        guard let name = parameters["name"]?.lowercased() else {
            throw S3Error(400, "MalformedPOSTRequest", "The body of the form is not well formed.")
        }
        fileName = name == "file" ? parameters["filename"] ?? "" : fileName
        step = name == "file" ? .file : .field(name)
    }

    /// The bytes before `pattern`, which is consumed too; nil when it has not come yet.
    private mutating func take(through pattern: [UInt8]) -> [UInt8]? {
        let bytes = Array(input.readableBytesView)
        guard let found = prefixThrough(pattern, in: bytes, from: 0) else { return nil }
        input.moveReaderIndex(forwardBy: found.count)
        return found.dropLast(pattern.count)
    }

    private func wait() throws(S3Error) -> Bool {
        guard input.readableBytes <= Self.fieldsByteLimit else {
            throw S3Error(
                400,
                "MaxPostPreDataLengthExceededError",
                "The fields before the file are too long."
            )
        }
        return false
    }
}
