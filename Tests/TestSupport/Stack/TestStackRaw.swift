internal import PostgresClient

/// Clients that misbehave.
extension TestStack {
    /// A connection to the upload service, to be used byte by byte.
    public func connect(receiveBufferBytes: Int32? = nil) throws -> RawConnection {
        try RawConnection(port: try port(of: .uploadService), receiveBufferBytes: receiveBufferBytes)
    }

    /// The head of a raw upload whose body is to follow.
    public func head(ofUpload name: String, length: Int) -> String {
        """
        POST /api/v1/files?name=\(percentEncoded(name)) HTTP/1.1\r
        host: waybill\r
        authorization: Bearer \(token)\r
        content-type: text/plain\r
        content-length: \(length)\r
        \r

        """
    }

    /// Header fields that make an upload fail once its bytes are in the store.
    public static let wrongDigest = ["repr-digest": "sha-256=:\(String(repeating: "A", count: 43))=:"]

    /// Waits until the upload has its row and its key: from then on bytes may be in the store.
    public func uploadIsUnderWay(_ name: String) async throws {
        try await eventually("the upload of \(name) is under way") {
            try await !uploadDatabase.query(
                "SELECT 1 FROM uploads WHERE name = $1 AND state IN ('PENDING', 'ACTIVE', 'COMPLETING')",
                name
            ).isEmpty
        }
    }
}
