import AsyncHTTPClient
import Determinism
import NIOCore
import NIOHTTP1

/// One attempt: sends a signed request, feeds its body, watches for stalls, reads the answer. Everything it starts has
/// ended when it returns.
struct Exchange: Sendable {
    enum Outcome: Sendable {
        case answer(status: Int, headers: HTTPHeaders, body: ByteBuffer)
        /// A success whose body is still to be read.
        case open(HTTPClientResponse)
        case failed(AttemptFailure)
    }

    private enum Event: Sendable {
        case answered(Result<Outcome, any Error>)
        case fed(BodyFeed.End)
        case stalled
        case quiet
    }

    /// A buffered answer longer than this is refused. Listings of 1 000 long keys stay below.
    static let answerLimit = 8 << 20

    let client: HTTPClient
    let timeouts: S3Timeouts
    let time: any TimeSource

    /// With `keepsBody` the body of a success is left to the caller.
    func run(_ request: HTTPClientRequest, feed: BodyFeed?, keepsBody: Bool) async -> Outcome {
        let watch = StallWatch(time: time, timeouts: timeouts)
        let channel = Handoff<ByteBuffer>()
        var request = request
        if let feed { request.body = .stream(channel, length: .known(feed.wireLength)) }
        let prepared = request
        return await withTaskGroup(of: Event.self) { group in
            group.addTask { await answer(prepared, watch, waitsAtOnce: feed == nil, keepsBody: keepsBody) }
            if let feed { group.addTask { .fed(await feed.run(into: channel, watch, timeouts)) } }
            group.addTask { await watch.stalled() ? .stalled : .quiet }
            return await conclude(&group, channel, hasFeed: feed != nil)
        }
    }

    private func answer(
        _ request: HTTPClientRequest,
        _ watch: StallWatch,
        waitsAtOnce: Bool,
        keepsBody: Bool
    ) async -> Event {
        do {
            if waitsAtOnce { watch.await(timeouts.connect + timeouts.answer) }
            let response = try await client.execute(request, deadline: .distantFuture)
            let status = Int(response.status.code)
            if keepsBody, (200..<300).contains(status) { return .answered(.success(.open(response))) }
            let body = try await collect(response, watch)
            return .answered(.success(.answer(status: status, headers: response.headers, body: body)))
        } catch {
            return .answered(.failure(error))
        }
    }

    /// Each piece that arrives is progress: AWS sends white space for minutes while it completes an upload.
    private func collect(_ response: HTTPClientResponse, _ watch: StallWatch) async throws -> ByteBuffer {
        var collected = ByteBuffer()
        watch.await(timeouts.answer)
        for try await buffer in response.body {
            guard collected.readableBytes + buffer.readableBytes <= Self.answerLimit else {
                throw AttemptFailure(failure: .unexpectedAnswer("more than \(Self.answerLimit) bytes"))
            }
            collected.writeImmutableBuffer(buffer)
            watch.await(timeouts.answer)
        }
        return collected
    }

    private func conclude(
        _ group: inout TaskGroup<Event>,
        _ channel: Handoff<ByteBuffer>,
        hasFeed: Bool
    ) async -> Outcome {
        var answer: Result<Outcome, any Error>?
        var feedEnd: BodyFeed.End?
        var hasStalled = false
        for await event in group {
            switch event {
            case .answered(let result):
                answer = result
                channel.finish(CancellationError())
                group.cancelAll()
            case .fed(let end):
                feedEnd = end
                if case .failed = end { group.cancelAll() }
            case .stalled:
                hasStalled = answer == nil
                group.cancelAll()
            case .quiet: break
            }
        }
        let sentWhole = feedEnd.map { $0.isWhole } ?? !hasFeed
        return Self.outcome(answer, feedEnd, hasStalled: hasStalled, sentWhole: sentWhole)
    }

    private static func outcome(
        _ answer: Result<Outcome, any Error>?,
        _ feedEnd: BodyFeed.End?,
        hasStalled: Bool,
        sentWhole: Bool
    ) -> Outcome {
        switch answer {
        case .success(.answer(let status, _, _)) where status < 300 && !sentWhole:
            // Nobody can have stored what was not sent.
            return .failed(.lost("the store answered before it had the body"))
        case .success(let outcome): return outcome
        case .failure(let error):
            if case .failed(let bodyError) = feedEnd {
                return .failed(AttemptFailure(failure: .bodyFailed(bodyError)))
            }
            if let failure = error as? AttemptFailure { return .failed(failure) }
            if hasStalled {
                return .failed(sentWhole ? .lost("the store stalled") : .notSent("the store stalled"))
            }
            if error is CancellationError || Task.isCancelled {
                return .failed(AttemptFailure(failure: .cancelled, mayBeApplied: sentWhole))
            }
            return .failed(AttemptFailure(transport: error, sentWhole: sentWhole))
        case nil: return .failed(.lost("no answer"))
        }
    }
}
