internal import CLibpq
internal import Logging

/// Sends the server's notices to the log instead of standard error. Outlives the handle it is attached to: the connection owns both.
final class NoticeLog: Sendable {
    private let logger: Logger
    init(_ logger: Logger) { self.logger = logger }

    func attach(to handle: OpaquePointer) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        PQsetNoticeProcessor(
            handle,
            { context, message in
                guard let context, let message else { return }
                Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().write(String(cString: message))
            },
            context
        )
    }

    private func write(_ notice: String) {
        logger.debug("notice from PostgreSQL", metadata: ["notice": .string(notice)])
    }
}
