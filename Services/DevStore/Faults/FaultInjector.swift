#if DEBUG
    import Determinism
    import FoundationEssentials
    import HTTPTypes
    import HummingbirdCore
    import NIOCore
    import Synchronization

    /// Strikes requests by rules and remembers every request. Not part of a release build.
    ///
    /// `POST /_faults` adds rules (a JSON array), `GET` shows them with their hits, `DELETE` clears them;
    /// `GET /_log` shows the requests seen, `DELETE /_log` forgets them.
    final class FaultInjector: Sendable {
        private static let logLimit = 200_000

        private struct State {
            var rules: [FaultRule] = []
            var log: [LoggedRequest] = []
        }

        private let state = Mutex(State())
        private let time: any TimeSource

        init(time: any TimeSource) { self.time = time }

        /// Adds a request to the log.
        func note(_ request: LoggedRequest) {
            state.withLock { state in
                if state.log.count < Self.logLimit { state.log.append(request) }
            }
        }

        /// The first rule that strikes this request; it is counted as a hit.
        func strike(_ request: S3Request) -> FaultRule? {
            state.withLock { state in
                for index in state.rules.indices where state.rules[index].matches(request) {
                    if let skip = state.rules[index].skip, skip > 0 {
                        state.rules[index].skip = skip - 1
                        continue
                    }
                    let hits = state.rules[index].hits ?? 0
                    if let count = state.rules[index].count, hits >= count { continue }
                    state.rules[index].hits = hits + 1
                    return state.rules[index]
                }
                return nil
            }
        }

        func wait(_ rule: FaultRule) async {
            try? await time.sleep(for: .milliseconds(rule.milliseconds ?? 1000))
        }

        /// Nil when the request is not for the control endpoints.
        func control(_ request: Request) async -> Answer? {
            let isFaults = request.head.path == "/_faults"
            guard isFaults || request.head.path == "/_log" else { return nil }
            do {
                switch request.method {
                case .get:
                    return try isFaults ? json(state.withLock { $0.rules }) : json(state.withLock { $0.log })
                case .delete:
                    state.withLock { if isFaults { $0.rules = [] } else { $0.log = [] } }
                    return Answer(204)
                case .post where isFaults:
                    let body = try await request.body.collect(upTo: 1 << 20)
                    let rules = try JSONDecoder().decode([FaultRule].self, from: Data(body.readableBytesView))
                    state.withLock { $0.rules += rules }
                    return Answer(204)
                default: return Answer(405)
                }
            } catch {
                var answer = Answer(400)
                answer.body = .text("\(error)\n")
                return answer
            }
        }

        private func json(_ value: some Encodable) throws -> Answer {
            var answer = Answer()
            answer.set(.contentType, "application/json")
            answer.body = .text(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
            return answer
        }
    }
#endif
