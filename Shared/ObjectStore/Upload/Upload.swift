public import NIOCore

/// What an upload left in the store.
public struct UploadedObject: Sendable {
    public let object: StoredObject
    /// Bytes.
    public let size: Int64
    /// Nil when one PUT was enough.
    public let uploadID: String?
    public let partCount: Int

    public init(object: StoredObject, size: Int64, uploadID: String? = nil, partCount: Int) {
        self.object = object
        self.size = size
        self.uploadID = uploadID
        self.partCount = partCount
    }
}

/// An upload that did not succeed, and what may be left of it.
public struct UploadFailure: Error, Sendable {
    /// `outcomeUnknown` from completing means that the object may be there: look, and do not abort.
    public let failure: StoreFailure
    /// The multipart upload that was opened, if one was.
    public let uploadID: String?
    /// The store confirmed that the multipart upload and its parts are gone.
    public let wasAborted: Bool

    public init(failure: StoreFailure, uploadID: String? = nil, wasAborted: Bool) {
        self.failure = failure
        self.uploadID = uploadID
        self.wasAborted = wasAborted
    }
}

extension ObjectStore {
    /// Stores a stream whose length nobody knows, or that may be too long for one PUT.
    ///
    /// What fits the first part (8 MiB) becomes a single PUT once the stream has ended. More becomes a multipart upload:
    /// one part is on its way while the next is received, so at most two are in memory (`PartSizes` has their sizes). A
    /// part that failed is sent again; the stream is read once. A stream that throws leaves no object.
    ///
    /// - Parameter created: awaited with the upload id before the first part leaves, so that the id can be committed
    ///   first; when it throws, the upload is aborted and the failure is `bodyFailed` with that error.
    /// - Throws: `UploadFailure`. Unless completing was in doubt, the upload was then aborted, also after a cancellation.
    public func upload<Source: AsyncSequence & Sendable>(
        _ key: String,
        _ source: Source,
        contentType: String? = nil,
        metadata: [String: String] = [:],
        ifNoneMatchAny: Bool = false,
        created: @escaping @Sendable (_ uploadID: String) async throws -> Void
    ) async throws(UploadFailure) -> UploadedObject where Source.Element == ByteBuffer {
        let upload = StreamUpload(
            store: self,
            key: key,
            contentType: contentType,
            metadata: metadata,
            ifNoneMatchAny: ifNoneMatchAny,
            created: created
        )
        return try await upload.run(ByteStream(length: 0, source))
    }
}
