import CRdkafka
import Logging
import Synchronization

/// What librdkafka calls back about one handle: its opaque. Callbacks only note; the poll thread acts,
/// so no callback calls back into the library in the middle of the library's own work.
final class HandleContext: Sendable {
    enum Notice: Sendable {
        case assign([TopicPartition])
        case revoke([TopicPartition], isLost: Bool)
        case failure(KafkaError)
    }

    let logger: Logger
    /// Set while the consumer leaves its group: from then on revocations are granted at once.
    let isLeaving = Atomic<Bool>(false)
    let statisticsText = Mutex<String?>(nil)
    private let notices = Mutex<[Notice]>([])

    init(logger: Logger) { self.logger = logger }

    func note(_ notice: Notice) { notices.withLock { $0.append(notice) } }

    var hasNotices: Bool { notices.withLock { !$0.isEmpty } }

    func takeNotices() -> [Notice] {
        notices.withLock { notices in
            defer { notices = [] }
            return notices
        }
    }

    static func of(_ opaque: UnsafeMutableRawPointer?) -> HandleContext? {
        opaque.map { Unmanaged<HandleContext>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// The C callbacks. They run on the poll thread, except for logs, which come from the library's own threads.
enum Callbacks {
    static let log:
        @convention(c) (OpaquePointer?, Int32, UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Void = {
            handle,
            severity,
            facility,
            text in
            guard let handle, let text, let context = HandleContext.of(rd_kafka_opaque(handle)) else {
                return
            }
            context.logger.log(
                level: Logger.Level(syslogSeverity: severity),
                "\(String(cString: text))",
                metadata: ["facility": "\(facility.map { String(cString: $0) } ?? "")"]
            )
        }

    static let error:
        @convention(c) (OpaquePointer?, Int32, UnsafePointer<CChar>?, UnsafeMutableRawPointer?) -> Void = {
            handle,
            code,
            reason,
            opaque in
            guard let handle, let context = HandleContext.of(opaque) else { return }
            context.note(.failure(describe(handle, rd_kafka_resp_err_t(rawValue: code), reason)))
        }

    static let commit:
        @convention(c) (
            OpaquePointer?, rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
            UnsafeMutableRawPointer?
        ) -> Void = { _, code, _, opaque in
            // Nothing to commit, or a rebalance came between: the next owner reads from the last commit.
            if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET { return }
            let isExpected = code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS
            HandleContext.of(opaque)?.logger.log(
                level: isExpected ? .debug : .warning,
                "offsets were not committed",
                metadata: ["error": "\(KafkaError(code).name)"]
            )
        }

    static let rebalance:
        @convention(c) (
            OpaquePointer?, rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
            UnsafeMutableRawPointer?
        ) -> Void = { handle, code, list, opaque in
            guard let handle, let context = HandleContext.of(opaque) else { return }
            let partitions = TopicPartitionList.partitions(list)
            if context.isLeaving.load(ordering: .acquiring) {
                rd_kafka_assign(handle, nil)
            } else if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
                context.note(.assign(partitions))
            } else {
                // Anything but "assign" ends the assignment, an error included.
                context.note(.revoke(partitions, isLost: rd_kafka_assignment_lost(handle) != 0))
            }
        }

    private static func describe(
        _ handle: OpaquePointer,
        _ code: rd_kafka_resp_err_t,
        _ reason: UnsafePointer<CChar>?
    ) -> KafkaError {
        // `_FATAL` only says that there is one; the handle keeps which.
        if code == RD_KAFKA_RESP_ERR__FATAL, let cause = KafkaError.fatal(of: handle) { return cause }
        return KafkaError(code, message: reason.map { String(cString: $0) })
    }
}

extension KafkaError {
    /// Why the handle is of no further use; nil while it is.
    static func fatal(of handle: OpaquePointer) -> KafkaError? {
        var text = [CChar](repeating: 0, count: 512)
        let cause = rd_kafka_fatal_error(handle, &text, text.count)
        guard cause != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(cause, message: String(nulTerminated: text), isFatal: true)
    }
}

extension Logger.Level {
    init(syslogSeverity severity: Int32) {
        switch severity {
        case ...2: self = .critical
        case 3: self = .error
        case 4: self = .warning
        case 5: self = .notice
        case 6: self = .info
        default: self = .debug
        }
    }
}
