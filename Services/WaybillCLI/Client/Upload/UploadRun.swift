import Determinism
import Digests
import FoundationEssentials
import NIOHTTP1
import ObjectStore

/// What the command line says of an upload.
struct UploadChoices: Sendable {
    /// Nil for the file's own name.
    var name: String?
    var contentType: String?
    /// Bytes; nil leaves it to the server.
    var partSize: Int64?
    var parallel: Int
    /// Parts go straight to the store.
    var isDirect: Bool
}

/// Brings one file to the server: remembers the upload, opens or continues its session, sends what is missing, completes it.
///
/// Whatever happens in between, even the end of this process, the same call goes on where the last one stopped.
struct UploadRun: Sendable {
    let api: APIClient
    let journal: Journal
    let choices: UploadChoices
    let meter: ProgressMeter
    /// Told what the user should know although it is no failure.
    let note: @Sendable (String) -> Void

    func store(_ path: String) async throws(ClientFailure) -> StoredUpload {
        let source = try await blocking { () throws(ClientFailure) in try SourceFile(opening: path) }
        let name = choices.name ?? source.name
        let (journal, server) = (self.journal, api.server.url)
        let slot = try await blocking { () throws(ClientFailure) in
            try journal.slot(server: server, path: source.canonicalPath, name: name)
        }
        let begun = try await begin(source, name, slot)
        let session = begun.session
        let digest = FileDigest(source: source, entry: begun.entry, slot: slot)
        do throws(ClientFailure) {
            let transfer = SessionTransfer(
                api: api,
                choices: choices,
                meter: meter,
                source: source,
                digest: digest,
                session: session,
                isNew: begun.isNew
            )
            let (completed, sha256) = session.isCompleted ? (session, digest.known) : try await transfer.run()
            try await blocking { () throws(ClientFailure) in try slot.remove() }
            return StoredUpload(source, completed, sha256: sha256, isContinued: !begun.isNew)
        } catch {
            try await forgetIfSpoilt(error, source, session, slot)
            throw error
        }
    }

    private struct Begun {
        let session: SessionFacts
        let entry: JournalEntry
        let isNew: Bool
    }

    private func begin(
        _ source: SourceFile,
        _ name: String,
        _ slot: JournalSlot
    ) async throws(ClientFailure) -> Begun {
        let kept = try await blocking { () throws(ClientFailure) in slot.read() }
        if let kept {
            if kept.file != source.facts {
                note("\(source.path) has changed since its upload was interrupted: it is sent anew.")
                await abandon(kept.uploadID)
            } else if let session = try await continued(kept) {
                return Begun(session: session, entry: kept, isNew: false)
            }
        }
        try await FileFinder(api: api).refuseTakenName(name)
        let entry = JournalEntry(
            server: api.server.url,
            source: source,
            name: name,
            uploadID: UUID.version7(at: api.time.now, from: api.random).text,
            contentType: choices.contentType,
            partSize: choices.partSize,
            startedAt: api.time.now.rfc3339
        )
        try await blocking { () throws(ClientFailure) in try slot.write(entry) }
        do throws(ClientFailure) {
            return Begun(session: try await open(entry), entry: entry, isNew: true)
        } catch {
            // Refused for good: there is nothing to go on with.
            if case .refused = error, !error.isTransient {
                try await blocking { () throws(ClientFailure) in try slot.remove() }
            }
            throw error
        }
    }

    /// Nil when nothing can become of the upload that was remembered.
    private func continued(_ entry: JournalEntry) async throws(ClientFailure) -> SessionFacts? {
        let session: SessionFacts
        do throws(ClientFailure) {
            session = try await api.ask(
                APIRequest(.GET, "/api/v1/uploads/\(entry.uploadID)"),
                for: SessionFacts.self
            )
        } catch  where error.hasCode("UPLOAD_NOT_FOUND") {
            // Remembered, but never opened.
            do throws(ClientFailure) { return try await open(entry) } catch
                where error.hasCode("UPLOAD_ALREADY_EXISTS")
            {
                return nil
            }
        }
        guard !session.isLost else {
            note("The interrupted upload of \(entry.name) is \(session.state) by now: it is sent anew.")
            return nil
        }
        guard session.isCompleted else {
            note("The upload of \(entry.name) goes on where it was interrupted.")
            return session
        }
        // Completed long ago, perhaps, and deleted since.
        return try await isStillThere(session) ? session : nil
    }

    private func isStillThere(_ session: SessionFacts) async throws(ClientFailure) -> Bool {
        do throws(ClientFailure) {
            _ = try await api.ask(APIRequest(.GET, "/api/v1/files/\(session.fileID)"), for: FileFacts.self)
            return true
        } catch  where error.hasCode("FILE_NOT_FOUND") { return false }
    }

    private func open(_ entry: JournalEntry) async throws(ClientFailure) -> SessionFacts {
        let wanted = WantedSession(
            name: entry.name,
            size: entry.file.size,
            contentType: entry.contentType,
            partSize: entry.partSize,
            uploadID: entry.uploadID,
            urlCount: 0
        )
        return try await api.ask(
            try APIRequest(.POST, "/api/v1/uploads", document: wanted),
            for: SessionFacts.self
        )
    }

    /// A file that changed while it was sent, parts that are not its own, a session that is over: none becomes a whole.
    private func forgetIfSpoilt(
        _ failure: ClientFailure,
        _ source: SourceFile,
        _ session: SessionFacts,
        _ slot: JournalSlot
    ) async throws(ClientFailure) {
        if failure == .interrupted { return }
        let isUnchanged = try await blocking { () throws(ClientFailure) in try source.isUnchanged() }
        let isOver = ["PART_DIFFERS", "UPLOAD_NOT_FOUND", "INVALID_UPLOAD_STATE"].contains(
            where: failure.hasCode
        )
        guard !isUnchanged || isOver else { return }
        await abandon(session.uploadID)
        try await blocking { () throws(ClientFailure) in try slot.remove() }
        guard isUnchanged else {
            throw .local(
                "\(source.path) changed while it was sent, so nothing was stored. Run the command again."
            )
        }
    }

    /// Lets the server forget the session now; by itself it would do so when it expires.
    private func abandon(_ uploadID: String) async {
        _ = try? await api.askOnce(APIRequest(.DELETE, "/api/v1/uploads/\(uploadID)"), for: SessionFacts.self)
    }
}

/// The body of the request that opens a session.
private struct WantedSession: Encodable {
    let name: String
    let size: Int64
    let contentType: String?
    let partSize: Int64?
    let uploadID: String
    let urlCount: Int

    enum CodingKeys: String, CodingKey {
        case name, size
        case contentType = "content_type"
        case partSize = "part_size"
        case uploadID = "upload_id"
        case urlCount = "url_count"
    }
}
