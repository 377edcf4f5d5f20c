internal import CLibpq
internal import Determinism
internal import Logging
internal import Synchronization

/// One PostgreSQL connection, non-blocking and in pipeline mode. It runs on the pool's I/O loop; a pool lends it to one task at a time.
actor Connection {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// True between statements when the session is open and outside any transaction (invariant I48). Read from any thread.
    nonisolated let isReusable = Atomic<Bool>(false)

    nonisolated let settings: PostgresSettings
    private let notices: NoticeLog
    private let onClose: @Sendable (Connection) -> Void
    private let onNotification: @Sendable (String) -> Void

    /// libpq's handle; nil once closed.
    var raw: OpaquePointer?
    var watchToken: UInt64?
    /// Why the connection is closed; nil while it is open.
    private(set) var closeReason: DatabaseError?
    private var wantsWrite = false
    /// A timer will look for input that epoll cannot see.
    private var isLookingAgain = false

    var unit: Unit?
    private var lastUnitID: UInt64 = 0
    /// When the timer will look; nil when none is set.
    private var armedDeadline: Duration?
    var prepared: [Statement: String] = [:]
    var lastStatementNumber: UInt64 = 0

    var hasBegun = false
    var leaseDeadline: Duration?

    init(
        settings: PostgresSettings,
        loop: EventLoop,
        logger: Logger,
        onClose: @escaping @Sendable (Connection) -> Void,
        onNotification: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.settings = settings
        self.loop = loop
        self.onClose = onClose
        self.onNotification = onNotification
        notices = NoticeLog(logger)
    }

    isolated deinit { release() }

    /// Takes over a handle from `PQconnectStart`. The handle is freed by `close` or deinit.
    func adopt(_ handle: OpaquePointer) {
        raw = handle
        notices.attach(to: handle)
    }

    // MARK: - Units of work

    /// Runs one unit and waits for all of its answers.
    ///
    /// - Parameter isCancellable: when the task is cancelled, abandon the unit and close the connection.
    func run(
        _ work: Unit.Work,
        limit: Duration,
        isCancellable: Bool = true
    ) async -> Result<[ResultHandle], DatabaseError> {
        lastUnitID &+= 1
        let id = lastUnitID
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                start(
                    Unit(id: id, work: work, deadline: loop.now + limit, continuation: continuation),
                    isCancelled: isCancellable && Task.isCancelled
                )
            }
        } onCancel: {
            guard isCancellable else { return }
            loop.submit { self.assumeIsolated { $0.abandon(id) } }
        }
    }

    /// Looks at the connection and the task only here, where no suspension lies between the look and the sending: entering an
    /// `await` may requeue the task, and the connection may be lost or the task cancelled meanwhile.
    private func start(_ new: Unit, isCancelled: Bool) {
        if let refusal = startRefusal(isCancelled: isCancelled) {
            return new.continuation.resume(returning: .failure(refusal))
        }
        isReusable.store(false, ordering: .relaxed)
        unit = new
        armTimer(new.deadline)
        do throws(DatabaseError) {
            try send(new.work)
            flush()
        } catch { close(error) }
    }

    private func startRefusal(isCancelled: Bool) -> DatabaseError? {
        if let closeReason { return closeReason }
        if unit != nil { return .unexpectedResult("the connection is busy with another statement") }
        return isCancelled ? .cancelled : nil
    }

    private func abandon(_ id: UInt64) {
        if unit?.id == id { close(.cancelled) }
    }

    /// The one place where a unit ends.
    func finishUnit(_ result: Result<[ResultHandle], DatabaseError>) {
        guard let finished = unit else { return }
        unit = nil
        if closeReason == nil {
            isReusable.store(PQtransactionStatus(raw) == PQTRANS_IDLE, ordering: .releasing)
        }
        finished.continuation.resume(returning: result)
    }

    // MARK: - Readiness

    /// To be called once, when the session is established.
    func watchSession() throws(DatabaseError) {
        let token = loop.watch(PQsocket(raw), .read) { [weak self] in self?.assumeIsolated { $0.ready() } }
        guard let token else { throw .unavailable("the process is out of file descriptors") }
        watchToken = token
    }

    private func ready() {
        let isAlive = PQconsumeInput(raw) == 1
        // Before giving up: the last answer may have come with the end of the connection.
        drain()
        guard closeReason == nil else { return }
        guard isAlive, PQstatus(raw) == CONNECTION_OK else { return close(lossReason) }
        flush()
        deliverNotifications()
        if unit != nil, PQsslInUse(raw) == 1 { pollEncryptedInput() }
    }

    /// OpenSSL may hold decrypted bytes that epoll cannot see, and libpq does not tell; look again shortly.
    private func pollEncryptedInput() {
        guard !isLookingAgain else { return }
        isLookingAgain = true
        loop.schedule(at: loop.now + .milliseconds(5)) { [weak self] in
            self?.assumeIsolated {
                $0.isLookingAgain = false
                if $0.unit != nil { $0.ready() }
            }
        }
    }

    private func deliverNotifications() {
        while let notification = PQnotifies(raw) {
            let payload = String(cString: notification.pointee.extra)
            PQfreemem(notification)
            onNotification(payload)
        }
    }

    func flush() {
        guard closeReason == nil, let watchToken else { return }
        var isPending = false
        repeat {
            switch PQflush(raw) {
            case 0: isPending = false
            case 1: isPending = true
            default: return close(lossReason)
            }
        } while !isPending && continueCopy()
        guard closeReason == nil, isPending != wantsWrite else { return }
        wantsWrite = isPending
        loop.modify(watchToken, isPending ? [.read, .write] : .read)
    }

    /// Prefers what the server said over what the socket said.
    private var lossReason: DatabaseError {
        if case .connectionLost? = unit?.failure, let failure = unit?.failure { return failure }
        return .connectionLost(libpqMessage)
    }

    var libpqMessage: String {
        let message = raw.flatMap { PQerrorMessage($0) }.map { String(cString: $0) } ?? ""
        let line = message.split(separator: "\n").map { $0.drop { $0 == " " || $0 == "\t" } }
            .joined(separator: "; ")
        return line.isEmpty ? "no reason given" : line
    }

    // MARK: - Limits

    /// Usually one timer per connection: a later deadline is looked at when the earlier one fires.
    private func armTimer(_ deadline: Duration) {
        if let armedDeadline, armedDeadline <= deadline { return }
        armedDeadline = deadline
        loop.schedule(at: deadline) { [weak self] in self?.assumeIsolated { $0.checkDeadline() } }
    }

    private func checkDeadline() {
        armedDeadline = nil
        guard let deadline = unit?.deadline else { return }
        guard deadline <= loop.now else { return armTimer(deadline) }
        close(.timedOut("no answer within the statement's limit; the connection was closed"))
    }

    // MARK: - The end

    /// Closes the session; a unit under way fails with `reason`. Safe to call twice.
    func close(_ reason: DatabaseError) {
        guard closeReason == nil else { return }
        closeReason = reason
        isReusable.store(false, ordering: .releasing)
        release()
        finishUnit(.failure(reason))
        onClose(self)
    }

    private func release() {
        if let watchToken { loop.unwatch(watchToken) }
        watchToken = nil
        if let raw { PQfinish(raw) }
        raw = nil
    }
}
