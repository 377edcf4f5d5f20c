import CRdkafka
import Synchronization

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder

/// What librdkafka says of one handle every `statistics.interval.ms` (5 s unless set; 0 switches it off).
///
/// Source: librdkafka, STATISTICS.md. Counts are since the handle was made.
public struct KafkaStatistics: Equatable, Sendable, Decodable {
    /// Messages that wait in the producer's queues, or are on their way.
    public let queuedMessageCount: Int64
    public let sentMessageCount: Int64
    public let sentByteCount: Int64
    public let receivedMessageCount: Int64
    public let receivedByteCount: Int64
    /// By name; bootstrap addresses and the group's coordinator are among them.
    public let brokers: [String: Broker]

    public struct Broker: Equatable, Sendable, Decodable {
        /// For example `UP`, `CONNECT`, `DOWN`, `INIT`.
        public let state: String
        public let timedOutRequestCount: Int64
        public let roundTrip: Window

        private enum CodingKeys: String, CodingKey {
            case state
            case timedOutRequestCount = "req_timeouts"
            case roundTrip = "rtt"
        }
    }

    /// Over the last interval; microseconds.
    public struct Window: Equatable, Sendable, Decodable {
        public let p50: Int64
        public let p99: Int64
    }

    private enum CodingKeys: String, CodingKey {
        case queuedMessageCount = "msg_cnt"
        case sentMessageCount = "txmsgs"
        case sentByteCount = "txmsg_bytes"
        case receivedMessageCount = "rxmsgs"
        case receivedByteCount = "rxmsg_bytes"
        case brokers
    }

    /// 99 of 100 requests of the last interval were answered within this many seconds, by the slowest broker.
    public var roundTripP99Seconds: Double {
        Double(brokers.values.map(\.roundTrip.p99).max() ?? 0) / 1_000_000
    }
}

extension HandleContext {
    /// The newest; nil before the first interval is over.
    var statistics: KafkaStatistics? {
        guard let text = statisticsText.withLock({ $0 }) else { return nil }
        return try? JSONDecoder().decode(KafkaStatistics.self, from: Data(text.utf8))
    }
}

extension Callbacks {
    /// Only keeps the text: it is read when somebody asks. Zero lets the library free its copy.
    static let statistics:
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<CChar>?, Int, UnsafeMutableRawPointer?) -> Int32 =
            {
                _,
                json,
                count,
                opaque in
                guard let json, let context = HandleContext.of(opaque) else { return 0 }
                let bytes = UnsafeRawBufferPointer(start: json, count: count)
                let text = String(decoding: bytes, as: UTF8.self)
                context.statisticsText.withLock { $0 = text }
                return 0
            }
}
