import NIOCore
import Testing

@testable import HTTPServing

/// What a form held, in one piece.
struct ParsedPart: Equatable {
    var name: String
    var fileName: String?
    var contentType: String?
    var content: [UInt8] = []
}

func parseForm(
    _ pieces: [[UInt8]],
    boundary: String = "AaB03x",
    limits: MultipartLimits = MultipartLimits()
) throws -> [ParsedPart] {
    var parser = MultipartFormParser(boundary: try MultipartBoundary(boundary), limits: limits)
    var parts: [ParsedPart] = []
    var isOpen = false
    for piece in pieces {
        parser.feed(ByteBuffer(bytes: piece))
        while let event = try parser.next() {
            switch event {
            case .partStarted(let head):
                #expect(!isOpen)
                isOpen = true
                parts.append(
                    ParsedPart(name: head.name, fileName: head.fileName, contentType: head.contentType)
                )
            case .bytes(let bytes):
                #expect(isOpen && bytes.readableBytes > 0)
                parts[parts.count - 1].content += Array(bytes.readableBytesView)
            case .partEnded:
                #expect(isOpen)
                isOpen = false
            case .finished: #expect(!isOpen)
            }
        }
    }
    try parser.end()
    return parts
}

@Suite("A form is read the same in pieces of any size")
struct MultipartParserTests {
    /// Content made to look like the delimiter in every way it may not be.
    static let treacherous =
        "\r\n--AaB03\r\n--AaB03y\r\r\n-\r\n--\r\nAaB03x--AaB03x\r\n--AaB03\r" + "\u{0}\u{FF}" + "\r\r\n--A"

    static let form = Array(
        ("a preamble\r\nwith --AaB03x inside\r\n--AaB03x \t \r\n"
            + "Content-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n"
            + "--AaB03x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a b.bin\"\r\n"
            + "Content-Type: application/octet-stream\r\nX-Other: 1\r\n\r\n" + treacherous + "\r\n"
            + "--AaB03x\r\nContent-Disposition: form-data; name=\"empty\"; filename=\"\"\r\n\r\n\r\n"
            + "--AaB03x\r\nContent-Disposition: form-data; name=\"bare\"\r\n\r\n--AaB03x--\r\nan epilogue --AaB03x")
            .utf8
    )

    static let expected = [
        ParsedPart(name: "note", content: Array("hello".utf8)),
        ParsedPart(
            name: "file",
            fileName: "a b.bin",
            contentType: "application/octet-stream",
            content: Array(treacherous.utf8)
        ),
        ParsedPart(name: "empty", fileName: ""),
        ParsedPart(name: "bare"),
    ]

    @Test func inOnePiece() throws { #expect(try parseForm([Self.form]) == Self.expected) }

    @Test func inTwoPiecesCutAtEveryByte() throws {
        for cut in 0...Self.form.count {
            let pieces = [Array(Self.form[..<cut]), Array(Self.form[cut...])]
            #expect(try parseForm(pieces) == Self.expected, "cut at \(cut)")
        }
    }

    @Test func byteByByte() throws { #expect(try parseForm(Self.form.map { [$0] }) == Self.expected) }

    @Test func inRandomPieces() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var pieces: [[UInt8]] = []
            var rest = Self.form[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...20, using: &random))
                pieces.append(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(try parseForm(pieces) == Self.expected, "seed \(seed)")
        }
    }

    @Test func randomContentComesBack() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("\r\n-AB".utf8)
        for _ in 0..<500 {
            let content = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<5, using: &random)]
            }
            let boundary = "BAxA"
            let form =
                Array("--BAxA\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n".utf8) + content
                + Array("\r\n--BAxA--".utf8)
            let cut = Int.random(in: 0...form.count, using: &random)
            let parts = try parseForm([Array(form[..<cut]), Array(form[cut...])], boundary: boundary)
            #expect(parts == [ParsedPart(name: "f", fileName: "x", content: content)], "seed \(seed)")
        }
    }

    @Test func everyTruncationIsAnError() {
        let closing = Self.form.count - "\r\nan epilogue --AaB03x".utf8.count
        for end in 0..<closing {
            #expect(throws: MultipartFailure.truncated, "cut at \(end)") {
                try parseForm([Array(Self.form[..<end])])
            }
        }
    }

    @Test func contentIsSlicedNotCopied() throws {
        var parser = MultipartFormParser(boundary: try MultipartBoundary("b"))
        parser.feed(ByteBuffer(string: "--b\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n"))
        _ = try parser.next()
        let big = ByteBuffer(repeating: 7, count: 100_000)
        parser.feed(big)
        guard case .bytes(let slice) = try parser.next() else {
            Issue.record("no bytes")
            return
        }
        #expect(address(slice) == address(big) && slice.readableBytes == 100_000)
    }

    private func address(_ buffer: ByteBuffer) -> UnsafeRawPointer? {
        buffer.withUnsafeReadableBytes { $0.baseAddress }
    }
}
