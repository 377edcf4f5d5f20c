import Determinism
import Digests
import EventContracts
import Foundation
import NIOCore
import ObjectStore
import PostgresClient

/// The work our own code does for one upload, one event, one listed key: on one thread, with nobody to wait for.
enum Kernel: String, CaseIterable {
    /// A 4 KiB file: its digest, its facts as parameters, its event as it goes into the outbox.
    case upload
    /// An event as a consumer reads it, and the parameters that put it into the index.
    case event
    /// One entry of a page of 1 000: read, checked, ordered.
    case listedKey = "listed-key"

    private struct Wrong: Error { let what: String }

    func run(times: Int) throws {
        switch self {
        case .upload: try upload(times)
        case .event: try readEvents(times)
        case .listedKey: try readPages(times)
        }
    }

    private func upload(_ times: Int) throws {
        let body = [UInt8](repeating: 0x77, count: 4_096)
        for _ in 0..<times {
            let event = try Self.stored(sha256: body.withUnsafeBytes { Digest256.of($0) }.hex)
            let values: [any PostgresEncodable] = [
                event.id, event.key, event.version, event.headers.map(\.name), event.payload,
            ]
            guard values.map(\.postgresValue).count == 5 else { throw Wrong(what: "parameters") }
        }
    }

    private func readEvents(_ times: Int) throws {
        let event = try Self.stored(sha256: String(repeating: "0", count: 64))
        for _ in 0..<times {
            let decoded = DecodedEvent(
                key: Array(event.key.utf8),
                headers: event.headers,
                payload: event.payload
            )
            guard case .event(let read) = decoded else { throw Wrong(what: "the event was not read") }
            let columns: [any PostgresEncodable] = [
                [read.fileID], [read.version], [read.tenant], [read.owner], [read.occurredAt],
            ]
            guard columns.map(\.postgresValue).count == 5 else { throw Wrong(what: "columns") }
        }
    }

    private func readPages(_ times: Int) throws {
        let keyCount = 1_000
        let answer = ByteBuffer(string: Self.page(keyCount))
        for _ in 0..<max(1, times / keyCount) {
            guard try ListPage(answer: answer).objects.count == keyCount else { throw Wrong(what: "keys") }
        }
    }

    private static func stored(sha256: String) throws -> EncodedEvent {
        let id = UUID(uuid: (1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16))
        return try FileEvent(
            fileID: id,
            version: 1,
            tenant: "guards",
            owner: "ann",
            occurredAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000),
            detail: .stored(
                StoredFile(
                    uploadID: id,
                    name: "quarterly report of the northern region.pdf",
                    contentType: "application/pdf",
                    size: 4_096,
                    sha256: sha256,
                    objectKey: "guards/2026/01/\(id.text).1",
                    etag: String(repeating: "0", count: 32)
                )
            )
        ).encoded(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    }

    /// As MinIO writes it.
    private static func page(_ keyCount: Int) -> String {
        let entries = (0..<keyCount).map { number in
            let name = "0192f0c1-7a00-7000-8000-\(String(100_000_000_000 + number)).1"
            return """
                <Contents><Key>guards/2026/01/\(name)</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>\
                <ETag>&#34;d41d8cd98f00b204e9800998ecf8427e&#34;</ETag><Size>4096</Size>\
                <StorageClass>STANDARD</StorageClass></Contents>
                """
        }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>\
            <KeyCount>\(keyCount)</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>\
            <EncodingType>url</EncodingType>\(entries.joined())</ListBucketResult>
            """
    }
}
