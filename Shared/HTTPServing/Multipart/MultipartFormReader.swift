public import Hummingbird
public import NIOCore
import Synchronization

/// Reads a form part by part from a request's body; bytes are asked of the client only as fast as they are taken.
///
/// `nextPart()` drops what is unread of the part before. One task at a time.
public final class MultipartFormReader: @unchecked Sendable {
    // Sendable because `source` and `parser` are touched only between `enter()` and `leave()`, which admit one task.
    private var source: RequestBody.AsyncIterator
    private var parser: MultipartFormParser
    private var openPart: Int?
    private var partCount = 0
    private let isBusy = Atomic(false)

    /// - Parameter body: of the request; nothing else may read it.
    public init(_ body: RequestBody, boundary: MultipartBoundary, limits: MultipartLimits = MultipartLimits())
    {
        source = body.makeAsyncIterator()
        parser = MultipartFormParser(boundary: boundary, limits: limits)
    }

    /// The next part, or nil after the closing boundary. Throws `MultipartFailure` or what the body throws.
    public func nextPart() async throws -> FormPart? {
        try enter()
        defer { leave() }
        while let event = try await nextEvent() {
            switch event {
            case .partStarted(let head):
                partCount += 1
                openPart = partCount
                return FormPart(head: head, body: FormPartBody(reader: self, number: partCount))
            case .bytes: continue
            case .partEnded: openPart = nil
            case .finished: return nil
            }
        }
        return nil
    }

    fileprivate func nextBytes(ofPart number: Int) async throws -> ByteBuffer? {
        try enter()
        defer { leave() }
        guard openPart == number else {
            if number == partCount { return nil }
            throw MultipartFailure.readOutOfOrder
        }
        switch try await nextEvent() {
        case .bytes(let bytes): return bytes
        case .partEnded:
            openPart = nil
            return nil
        case .partStarted, .finished, nil: throw MultipartFailure.truncated
        }
    }

    /// Nil after the closing boundary.
    private func nextEvent() async throws -> MultipartFormParser.Event? {
        while true {
            if let event = try parser.next() { return event }
            guard let bytes = try await source.next() else {
                try parser.end()
                return nil
            }
            parser.feed(bytes)
        }
    }

    private func enter() throws(MultipartFailure) {
        let (exchanged, _) = isBusy.compareExchange(
            expected: false,
            desired: true,
            ordering: .acquiringAndReleasing
        )
        guard exchanged else { throw .readOutOfOrder }
    }

    private func leave() { isBusy.store(false, ordering: .releasing) }
}

/// One part of a form.
public struct FormPart: Sendable {
    public let head: FormPartHead
    /// Can be read once, before the next part is asked for.
    public let body: FormPartBody
}

/// The bytes of one part, in order.
public struct FormPartBody: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    fileprivate let reader: MultipartFormReader
    fileprivate let number: Int

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let reader: MultipartFormReader
        fileprivate let number: Int

        public mutating func next() async throws -> ByteBuffer? { try await reader.nextBytes(ofPart: number) }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader, number: number) }

    /// The whole part as text, for plain fields: `MultipartLimits.fieldByteLimit` bounds them. Nil when it is not UTF-8.
    public func text() async throws -> String? {
        var whole = ByteBuffer()
        for try await bytes in self { whole.writeImmutableBuffer(bytes) }
        return String(validating: whole.readableBytesView, as: UTF8.self)
    }
}
