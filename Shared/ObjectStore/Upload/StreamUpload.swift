import NIOCore

/// One upload of a stream of unknown length, from its first byte to its end.
struct StreamUpload<Store: ObjectStore>: Sendable {
    let store: Store
    let key: String
    let contentType: String?
    let metadata: [String: String]
    let ifNoneMatchAny: Bool
    let created: @Sendable (String) async throws -> Void

    func run(_ stream: ByteStream) async throws(StreamUploadFailure) -> UploadedObject {
        let collector = PartCollector(
            stream: stream,
            partCountLimit: store.profile.partCountLimit,
            sizeLimit: store.profile.objectSizeLimit,
            partSize: { PartSizes.ofUnknownLength(part: $0) }
        )
        let parts = Handoff<PartCollector.Part>()
        let result = await withTaskGroup(of: Void.self) { group in
            group.addTask { await collector.run(into: parts) }
            let result = await send(parts)
            // A failed upload must not wait for the rest of a stream that nobody will store.
            parts.finish(CancellationError())
            group.cancelAll()
            return result
        }
        return try result.get()
    }

    private func send(_ parts: Handoff<PartCollector.Part>) async -> Result<
        UploadedObject, StreamUploadFailure
    > {
        do {
            let first = try await next(parts)
            guard !first.isLast else { return .success(try await sendWhole(first.bytes)) }
            let uploadID = try await store.createMultipartUpload(
                key,
                contentType: contentType,
                metadata: metadata
            )
            return await sendParts(first, parts, uploadID)
        } catch {
            return .failure(StreamUploadFailure(failure: error, uploadID: nil, wasAborted: false))
        }
    }

    private func sendWhole(_ bytes: ByteBuffer) async throws(StoreFailure) -> UploadedObject {
        let object = try await store.put(
            key,
            body: .bytes(bytes),
            contentType: contentType,
            metadata: metadata,
            ifNoneMatchAny: ifNoneMatchAny
        )
        return UploadedObject(object: object, size: Int64(bytes.readableBytes), uploadID: nil, partCount: 1)
    }

    /// Consumes the first part, so that its memory goes when it was sent.
    private func sendParts(
        _ first: consuming PartCollector.Part,
        _ parts: Handoff<PartCollector.Part>,
        _ uploadID: String
    ) async -> Result<UploadedObject, StreamUploadFailure> {
        do {
            do { try await created(uploadID) } catch { throw StoreFailure.bodyFailed(error) }
            var sent: [CompletedPart] = []
            var size: Int64 = 0
            var part = first
            while true {
                let etag = try await store.uploadPart(
                    key,
                    uploadID: uploadID,
                    number: part.number,
                    body: .bytes(part.bytes)
                )
                sent.append(CompletedPart(number: part.number, etag: etag))
                size += Int64(part.bytes.readableBytes)
                if part.isLast { break }
                part = try await next(parts)
            }
            return await complete(sent, size, uploadID)
        } catch let failure as StoreFailure {
            return .failure(await abandoned(failure, uploadID))
        } catch {
            return .failure(await abandoned(.bodyFailed(error), uploadID))
        }
    }

    private func complete(
        _ parts: [CompletedPart],
        _ size: Int64,
        _ uploadID: String
    ) async -> Result<UploadedObject, StreamUploadFailure> {
        do {
            let done = try await store.completeMultipartUpload(
                key,
                uploadID: uploadID,
                parts: parts,
                ifNoneMatchAny: ifNoneMatchAny
            )
            let object = StoredObject(etag: done.etag, versionID: done.versionID)
            return .success(
                UploadedObject(object: object, size: size, uploadID: uploadID, partCount: parts.count)
            )
        } catch {
            switch error {
            case .refused, .preconditionFailed, .unavailable:
                return .failure(await abandoned(error, uploadID))
            // The object may be there: whoever knows the key looks. An abort could only destroy the evidence.
            default:
                return .failure(StreamUploadFailure(failure: error, uploadID: uploadID, wasAborted: false))
            }
        }
    }

    /// In a task of its own: a cancelled caller must not leave paid-for parts behind.
    private func abandoned(_ failure: StoreFailure, _ uploadID: String) async -> StreamUploadFailure {
        let abort = Task { [store, key] in
            do {
                try await store.abortMultipartUpload(key, uploadID: uploadID)
                return true
            } catch {
                return false
            }
        }
        let wasAborted = await abort.value
        return StreamUploadFailure(failure: failure, uploadID: uploadID, wasAborted: wasAborted)
    }

    private func next(_ parts: Handoff<PartCollector.Part>) async throws(StoreFailure) -> PartCollector.Part {
        do {
            guard let part = try await parts.next() else { throw StoreFailure.unexpectedAnswer("no part") }
            return part
        } catch let failure as StoreFailure {
            throw failure
        } catch {
            throw .cancelled
        }
    }
}
