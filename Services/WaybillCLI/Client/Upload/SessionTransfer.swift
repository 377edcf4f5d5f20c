import Determinism
import Digests
import NIOHTTP1
import ObjectStore

/// From an open session to a stored file: what is missing is sent, then the whole is completed, with the digest of the
/// file as it lies on this machine.
struct SessionTransfer: Sendable {
    let api: APIClient
    let choices: UploadChoices
    let meter: ProgressMeter
    let source: SourceFile
    let digest: FileDigest
    let session: SessionFacts
    /// Nothing can have been sent yet.
    let isNew: Bool

    /// Far more than any store takes.
    private static let partLimit = 1_000_000
    /// So often parts are sent again that the server found missing or wrong.
    private static let roundLimit = 5

    func run() async throws(ClientFailure) -> (SessionFacts, sha256: Digest256) {
        guard session.size == source.facts.size,
            let plan = PartPlan(stored: session.size, partSize: session.partSize),
            plan.partCount == session.partCount, plan.partCount <= Self.partLimit
        else { throw .unusable("its parts do not make up the file") }
        // Beside the sending: the bytes are read once for the network and once in order, mostly from memory.
        async let digesting = digested()
        var missing = session.nextAction == "send_parts" ? try await missingParts(of: plan) : []
        meter.start(total: plan.size, done: plan.size - byteCount(of: missing, plan))
        for _ in 0..<Self.roundLimit {
            try await send(missing, plan)
            let sha256 = try await digesting.get()
            try await requireUnchanged()
            do throws(ClientFailure) { return (try await complete(sha256), sha256) } catch {
                guard case .refused(let refusal) = error, !refusal.partNumbers.isEmpty else { throw error }
                missing = refusal.partNumbers
                meter.add(-byteCount(of: missing, plan))
            }
        }
        throw .unusable("it goes on asking for parts it was sent")
    }

    private func digested() async -> Result<Digest256, ClientFailure> {
        do throws(ClientFailure) { return .success(try await digest.find()) } catch { return .failure(error) }
    }

    private func byteCount(of numbers: [Int], _ plan: PartPlan) -> Int64 {
        numbers.reduce(0) { $0 + (plan.length(of: $1) ?? 0) }
    }

    /// All but those the server has whole.
    private func missingParts(of plan: PartPlan) async throws(ClientFailure) -> [Int] {
        var stored: Set<Int> = []
        var after: Int? = isNew || session.receivedPartCount == 0 ? nil : 0
        while let last = after {
            let page = try await api.ask(
                APIRequest(
                    .GET,
                    "/api/v1/uploads/\(session.uploadID)/parts",
                    query: [("after", String(last)), ("limit", "1000")]
                ),
                for: StoredPartPage.self
            )
            for part in page.parts where plan.length(of: part.number) == part.size {
                stored.insert(part.number)
            }
            after = page.nextAfter
            guard after.map({ $0 > last }) ?? true else { throw .unusable("its list of parts does not end") }
        }
        return (1...plan.partCount).filter { !stored.contains($0) }
    }

    private func send(_ numbers: [Int], _ plan: PartPlan) async throws(ClientFailure) {
        let sender = PartSender(
            api: api,
            uploadID: session.uploadID,
            plan: plan,
            source: source,
            meter: meter,
            isDirect: choices.isDirect
        )
        let transfer = PartTransfer(
            parallel: choices.parallel,
            patience: api.patience,
            time: api.time,
            random: api.random
        ) { number throws(ClientFailure) in try await sender.send(number) }
        try await transfer.run(numbers)
    }

    private func requireUnchanged() async throws(ClientFailure) {
        let source = source
        let isUnchanged = try await blocking { () throws(ClientFailure) in try source.isUnchanged() }
        guard isUnchanged else { throw .local("\(source.path) changed while it was sent.") }
    }

    /// Repeated until the answer is definite, however long the server takes to put the parts together.
    private func complete(_ sha256: Digest256) async throws(ClientFailure) -> SessionFacts {
        let request = try APIRequest(
            .POST,
            "/api/v1/uploads/\(session.uploadID)/complete",
            document: ["sha256": sha256.hex]
        )
        while true {
            do throws(ClientFailure) {
                let completed = try await api.ask(request, for: SessionFacts.self)
                guard completed.isCompleted else { throw .unusable("the upload is \(completed.state)") }
                return completed
            } catch  where error.hasCode("UPLOAD_COMPLETING") {
                try await api.pause(for: error.retryAfter ?? .seconds(2))
            }
        }
    }
}
