import Determinism
import EventContracts
import ObjectStore
import PostgresClient

/// A part to be sent straight to the store, and the checksum its bytes will have, when the client says so.
struct WantedURL: Sendable {
    let number: Int
    let checksum: PartChecksum?
}

/// What lets a client send one part straight to the store: exactly these bytes, under exactly this key, until it expires.
struct PartURL: Sendable {
    let number: Int
    let size: Int64
    let url: String
    let headers: [(name: String, value: String)]
    let expiresAt: Timestamp
}

/// Presigned URLs: made as needed, a batch at a time, without asking the store.
extension UploadSessions {
    /// The first ones of a session that was opened, or found, a moment ago.
    ///
    /// - Parameter opening: of a session that is new: its deadline was set a moment ago, and it has no parts.
    /// - Returns: also the session as it is by then, with its multipart upload.
    func firstURLs(
        of session: UploadSession,
        _ opening: Int64?,
        count: Int
    ) async throws(SessionFailure) -> (UploadSession, [PartURL]) {
        let wanted = (0..<count).map { WantedURL(number: $0 + 1, checksum: nil) }
        let (opened, multipartID) = try await withMultipart(session, opening)
        // Somebody else may have found it and gone on with it, but has asked the store before that.
        let isUntouched = opening != nil && opened.openCount == 1
        guard !isUntouched, count > 0 else {
            return (opened, try urls(for: wanted, of: opened, multipartID))
        }
        let urls = try await sign(wanted, of: opened)
        return (try await reread(opened), urls)
    }

    func sign(_ wanted: [WantedURL], of session: UploadSession) async throws(SessionFailure) -> [PartURL] {
        try requireOpen(session)
        guard wanted.allSatisfy({ session.plan.length(of: $0.number) != nil }) else {
            throw .noSuchPart(count: session.plan.partCount)
        }
        guard wanted.allSatisfy({ session.admits($0.checksum) }) else {
            throw .checksumKind(session.checksum)
        }
        let (_, multipartID) = try await withMultipart(session)
        // Who asks for URLs is alive; what goes to the store with them is not seen here.
        try await transaction { tx in
            guard try await UploadStore.renew(session.upload.id, expiry: limits.expiry, in: tx) else {
                throw try await closed(session, in: tx)
            }
            try await PartStore.expect(wanted, of: session.upload.id, in: tx)
        }
        return try urls(for: wanted, of: session, multipartID)
    }

    private func urls(
        for wanted: [WantedURL],
        of session: UploadSession,
        _ multipartID: String
    ) throws(SessionFailure) -> [PartURL] {
        let expiresAt = time.now.advanced(by: limits.urlLifetime)
        var urls: [PartURL] = []
        for part in wanted {
            let size = session.plan.length(of: part.number) ?? 0
            let request = PresignRequest.uploadPart(
                key: session.upload.objectKey.text,
                uploadID: multipartID,
                number: part.number,
                length: size,
                checksum: part.checksum
            )
            let url: String
            do { url = try store.presign(request, expiresIn: limits.urlLifetime) } catch {
                throw .store(error)
            }
            urls.append(
                PartURL(
                    number: part.number,
                    size: size,
                    url: url,
                    headers: request.requiredHeaders,
                    expiresAt: expiresAt
                )
            )
        }
        return urls
    }
}

extension UploadSession {
    /// A kind was announced to the store, which then wants it of each part; MD5 needs no announcement.
    fileprivate func admits(_ given: PartChecksum?) -> Bool {
        given?.kind == checksum || checksum == nil && given?.kind == .md5
    }
}
