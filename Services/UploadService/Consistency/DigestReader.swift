import Digests
import NIOCore
import ObjectStore

/// Reads an object's bytes and hashes them again.
struct DigestReader: Sendable {
    let store: any ObjectStore
    let budget: RequestBudget

    /// Nil when the object is proven not there.
    func digest(of key: KeyText) async throws(CheckFailure) -> Digest256? {
        try await budget.take()
        let download: ObjectDownload
        do { download = try await store.get(key.text) } catch {
            if case .notFound(code: "NoSuchKey") = error { return nil }
            throw CheckFailure(error)
        }
        var hasher = SHA256Hasher()
        var count: Int64 = 0
        do {
            for try await bytes in download.body {
                bytes.withUnsafeReadableBytes { hasher.update($0) }
                count += Int64(bytes.readableBytes)
            }
        } catch let failure as StoreFailure { throw CheckFailure(failure) } catch { throw .stopped }
        // Half an object has another digest, too.
        guard count == download.length else {
            throw .store(.unavailable(reason: "the download of \(key) ended early", retryAfter: nil))
        }
        return hasher.finalize()
    }
}

/// Works on all elements, at most `limit` at a time.
func inParallel<Element: Sendable, Value: Sendable>(
    _ elements: [Element],
    limit: Int,
    _ work: @escaping @Sendable (Element) async -> Value
) async -> [(Element, Value)] {
    await withTaskGroup(of: (Element, Value).self) { group in
        var results: [(Element, Value)] = []
        var rest = elements[...]
        for element in rest.prefix(limit) { group.addTask { (element, await work(element)) } }
        rest = rest.dropFirst(limit)
        while let result = await group.next() {
            results.append(result)
            if let next = rest.popFirst() { group.addTask { (next, await work(next)) } }
        }
        return results
    }
}

extension Result where Failure == CheckFailure, Success: Sendable {
    init(_ body: () async throws(CheckFailure) -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
