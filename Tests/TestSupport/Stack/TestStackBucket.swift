internal import Digests
internal import Foundation
internal import NIOCore
internal import ObjectStore
internal import ServiceParts

/// An object, its bytes read and hashed.
public struct BucketObject: Equatable, Sendable {
    public var key: String
    public var size: Int64
    public var sha256: String

    public init(key: String, size: Int64, sha256: String) {
        self.key = key
        self.size = size
        self.sha256 = sha256
    }
}

/// A request DevStore noted.
public struct StoreRequest: Equatable, Sendable, Codable {
    public var method: String
    public var key: String?
    public var query: [String: String]
    public var status: Int
    public var fault: String?
    public var applied: Bool

    public init(_ method: String, _ key: String?, query: [String: String] = [:], fault: String? = nil) {
        self.method = method
        self.key = key
        self.query = query
        self.fault = fault
        status = 200
        applied = true
    }
}

/// What is left of keys beside their objects.
public struct BucketRemains: Equatable, Sendable {
    /// Keys that have a version or a delete marker.
    public var versions: Set<String> = []
    public var openUploads: Set<String> = []
    public init() {}
}

extension TestStack {
    /// Every object, downloaded and hashed.
    public func objects() async throws -> [BucketObject] {
        try await withStore { store in
            var found: [BucketObject] = []
            for key in try await Self.keys(in: store) {
                // Gone between the listing and now.
                guard let download = try? await store.get(key) else { continue }
                var hasher = SHA256Hasher()
                var size: Int64 = 0
                for try await piece in download.body {
                    piece.withUnsafeReadableBytes { hasher.update($0) }
                    size += Int64(piece.readableBytes)
                }
                found.append(BucketObject(key: key, size: size, sha256: hasher.finalize().hex))
            }
            return found
        }
    }

    public func keys() async throws -> [String] {
        try await withStore { try await Self.keys(in: $0) }
    }

    public func remains() async throws -> BucketRemains {
        try await withStore { store in
            var remains = BucketRemains()
            var version: VersionPage.Marker?
            repeat {
                let page = try await store.listVersions(prefix: "", after: version, limit: 1_000)
                remains.versions.formUnion(page.versions.map(\.key).filter(isFile))
                version = page.next
            } while version != nil
            var upload: UploadsPage.Marker?
            repeat {
                let page = try await store.listMultipartUploads(prefix: "", after: upload, limit: 1_000)
                remains.openUploads.formUnion(page.uploads.map(\.key).filter(isFile))
                upload = page.next
            } while upload != nil
            return remains
        }
    }

    private static func keys(in store: S3Store) async throws -> [String] {
        var keys: [String] = []
        var token: String?
        repeat {
            let page = try await store.list(
                prefix: "",
                startAfter: nil,
                continuationToken: token,
                limit: 1_000
            )
            keys += page.objects.map(\.key).filter(isFile)
            token = page.nextToken
        } while token != nil
        return keys
    }

    /// Turns one bit of an object on DevStore's disk, behind its back.
    ///
    /// - Parameter bytes: what the object begins with, and no other does.
    public func turnBit(ofObject bytes: [UInt8]) throws {
        let files =
            FileManager.default.enumerator(atPath: "\(folder)/store")?.compactMap { $0 as? String } ?? []
        for path in files.map({ "\(folder)/store/\($0)" }) {
            guard var data = FileManager.default.contents(atPath: path), data.starts(with: bytes) else {
                continue
            }
            data[0] ^= 1
            guard let handle = FileHandle(forWritingAtPath: path) else { continue }
            try handle.write(contentsOf: data.prefix(1))
            return try handle.close()
        }
        throw StackFailure("no object on the disk begins with these bytes")
    }

    /// Every request the store has seen since it was started, the test's own reads too; without those for the deployment's
    /// marker.
    public func storeRequests() async throws -> [StoreRequest] {
        let answer = try await send("GET", .devStore, "/_log")
        let all = try JSONDecoder().decode([StoreRequest].self, from: Data(answer.body))
        return all.filter { $0.key.map(isFile) ?? true }
    }

    /// Adds rules to DevStore's fault injector.
    ///
    /// - Parameter rules: a JSON array; the fields are those of DevStore's `FaultRule`.
    public func addFaults(_ rules: String) async throws {
        let answer = try await send("POST", .devStore, "/_faults", body: Array(rules.utf8))
        guard answer.status == 204 else { throw StackFailure("DevStore took no faults: \(answer.text)") }
    }

    /// How many requests each rule has struck.
    public func faultHits() async throws -> [Int] {
        let answer = try await send("GET", .devStore, "/_faults")
        let rules = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [[String: Any]] ?? []
        return rules.map { $0["hits"] as? Int ?? 0 }
    }

    /// - Returns: how many requests each rule had struck.
    public func clearFaults() async throws -> [Int] {
        let hits = try await faultHits()
        _ = try await send("DELETE", .devStore, "/_faults")
        return hits
    }
}

/// Not what the deployment keeps in the bucket for itself. The trash is of files.
private func isFile(_ key: String) -> Bool {
    ![BucketIdentity.prefix, EpochMarks.prefix, HighWaterMarks.prefix].contains { key.hasPrefix($0) }
}
