import Foundation
import NIOCore
import ObjectStore
import ServiceBootstrap

/// Where the store is, and the key to it.
struct StoreAddress: Sendable {
    let url: String
    /// `http://host:port`
    let endpoint: String
    let host: String
    let port: Int
    let accessKey: String
    let secretKey: String
    /// As UploadService is told it.
    let profile: String

    /// - Parameter url: `http://key:secret@host:port?profile=devstore`
    init(_ url: String) throws {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme, let host = parts.host,
            let key = parts.user, let secret = parts.password
        else { throw BenchFailure("the store's URL must be http://key:secret@host:port") }
        self.url = url
        self.host = host
        port = parts.port ?? (scheme == "https" ? 443 : 80)
        endpoint = "\(scheme)://\(host):\(port)"
        accessKey = key
        secretKey = secret
        profile = parts.queryItems?.first { $0.name == "profile" }?.value ?? "minio"
    }
}

/// A bucket of one row. A deployment marks its bucket: no other can use it.
struct Bucket: Sendable {
    let address: StoreAddress
    let name: String

    init(_ address: StoreAddress, name: String) {
        self.address = address
        self.name = name
    }

    /// The client that the services use too.
    func makeStore() throws -> S3Store {
        let settings = S3Settings(
            endpoint: address.endpoint,
            bucket: name,
            credentials: S3Credentials(accessKeyID: address.accessKey, secretAccessKey: address.secretKey)
        )
        return try S3Store(settings, time: SystemTime(), random: SystemRandom(), logger: Site.silence)
    }

    func withStore<Value: Sendable>(_ body: (S3Store) async throws -> Value) async throws -> Value {
        let store = try makeStore()
        do {
            let value = try await body(store)
            await store.shutdown()
            return value
        } catch {
            await store.shutdown()
            throw error
        }
    }

    /// Removes every object below `prefix`.
    func empty(prefix: String = "") async throws {
        try await withStore { store in
            while true {
                let page = try await store.list(
                    prefix: prefix,
                    startAfter: nil,
                    continuationToken: nil,
                    limit: 1_000
                )
                guard !page.objects.isEmpty else { return }
                _ = try await store.deleteBatch(page.objects.map { ObjectIdentifier(key: $0.key) })
            }
        }
    }
}

extension Site {
    /// A new bucket; it is emptied when the row is over.
    func freshBucket() async throws -> Bucket {
        let bucket = Bucket(store, name: "waybill-bench-\(Site.mark())")
        try await bucket.withStore { try await $0.createBucket() }
        atEndOfRow { try? await bucket.empty() }
        return bucket
    }
}
