public import NIOCore

/// Reads multipart/form-data from bytes in any pieces (RFC 7578, RFC 2046). No I/O; content bytes are slices of what was fed.
///
/// Feed bytes, then take events until nil; after the last bytes call `end()`. Text before the first boundary, blanks after a
/// boundary and anything after the closing boundary are ignored, as browsers and curl differ there. Everything else that is
/// not as the standards say is an error, and a parser that threw is over.
public struct MultipartFormParser: Sendable {
    public enum Event: Equatable, Sendable {
        case partStarted(FormPartHead)
        /// Never empty.
        case bytes(ByteBuffer)
        case partEnded
        /// The closing boundary was seen. The last event.
        case finished
    }

    private enum State {
        case preamble(DelimiterSearch)
        case boundaryLine(count: Int, last: UInt8?)
        case header(PartHeaderLines)
        case content(DelimiterSearch)
        case finished
    }

    private let delimiter: [UInt8]
    private let limits: MultipartLimits
    private var state: State
    private var input = ByteBuffer()
    private var pending: [Event] = []
    private var partCount = 0
    private var preambleByteCount = 0
    private var head: FormPartHead?
    /// A delimiter seems to end the part. Only the rest of its line tells: a file cut short by its own bytes must fail.
    private var isPartOpen = false
    private var contentByteCount = 0

    public init(boundary: MultipartBoundary, limits: MultipartLimits = MultipartLimits()) {
        delimiter = boundary.delimiter
        self.limits = limits
        state = .preamble(DelimiterSearch(atLineStartOf: boundary.delimiter))
    }

    /// Gives further bytes. Take all events before feeding again: unread input is otherwise copied together.
    public mutating func feed(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeImmutableBuffer(bytes)
        }
    }

    /// The next event, or nil when more bytes are needed.
    public mutating func next() throws(MultipartFailure) -> Event? {
        while pending.isEmpty {
            guard try advance() else { return nil }
        }
        return pending.removeFirst()
    }

    /// No more bytes will come: an error unless the closing boundary was seen.
    public func end() throws(MultipartFailure) {
        guard case .finished = state else { throw .truncated }
    }

    /// False when the input is used up.
    private mutating func advance() throws(MultipartFailure) -> Bool {
        guard input.readableBytes > 0 else { return false }
        switch state {
        case .preamble(let search): try skipPreamble(search)
        case .boundaryLine(let count, let last): try readBoundaryLine(count, last)
        case .header(let lines): try readHeader(lines)
        case .content(let search): try readContent(search)
        case .finished: input.clear()
        }
        return true
    }

    private mutating func skipPreamble(_ search: DelimiterSearch) throws(MultipartFailure) {
        var search = search
        let before = input.readableBytes
        switch search.next(in: &input) {
        case .found: state = .boundaryLine(count: 0, last: nil)
        case .exhausted:
            preambleByteCount += before
            guard preambleByteCount <= limits.preambleByteLimit else {
                throw .preambleTooLarge(byteLimit: limits.preambleByteLimit)
            }
            state = .preamble(search)
        }
    }

    /// After a delimiter: `--` closes the form; blanks and CR LF start a part.
    private mutating func readBoundaryLine(_ count: Int, _ last: UInt8?) throws(MultipartFailure) {
        guard let byte = input.readInteger(as: UInt8.self) else { return }
        switch (last, byte) {
        case (0x2D, 0x2D):
            state = .finished
            endPart()
            pending.append(.finished)
        case (0x0D, 0x0A):
            state = .header(PartHeaderLines())
            endPart()
        case (nil, 0x2D),
            (_, _) where (last.map(isBlank) ?? true) && (isBlank(byte) || byte == 0x0D):
            guard count < limits.headerByteLimit else {
                throw .headerTooLarge(byteLimit: limits.headerByteLimit)
            }
            state = .boundaryLine(count: count + 1, last: byte)
        default: throw .malformedBoundary
        }
    }

    private mutating func readHeader(_ lines: PartHeaderLines) throws(MultipartFailure) {
        var lines = lines
        guard try lines.read(&input, byteLimit: limits.headerByteLimit) else {
            state = .header(lines)
            return
        }
        partCount += 1
        guard partCount <= limits.partCountLimit else { throw .tooManyParts(limit: limits.partCountLimit) }
        let head = try FormPartHead(lines: lines.lines)
        self.head = head
        contentByteCount = 0
        pending.append(.partStarted(head))
        // Some clients end an empty part right here: the delimiter's CR LF is then the one that ended the header.
        state = .content(DelimiterSearch(atLineStartOf: delimiter))
    }

    private mutating func readContent(_ search: DelimiterSearch) throws(MultipartFailure) {
        var search = search
        switch search.next(in: &input) {
        case .found(let content):
            try deliver(content)
            isPartOpen = true
            state = .boundaryLine(count: 0, last: nil)
        case .exhausted(let content):
            try deliver(content)
            state = .content(search)
        }
    }

    private mutating func endPart() {
        if isPartOpen { pending.append(.partEnded) }
        isPartOpen = false
    }

    private mutating func deliver(_ content: [ByteBuffer]) throws(MultipartFailure) {
        for bytes in content {
            if let head, head.fileName == nil {
                contentByteCount += bytes.readableBytes
                guard contentByteCount <= limits.fieldByteLimit else {
                    throw .fieldTooLarge(name: head.name, byteLimit: limits.fieldByteLimit)
                }
            }
            pending.append(.bytes(bytes))
        }
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
