import Determinism
import Logging
import Synchronization

/// All buckets of one data folder.
final class Store: Sendable {
    let place: StorePlace
    private let buckets: Mutex<[String: Bucket]>

    /// Reads what the folder holds, making it when it is not there. Blocks.
    init(root: String, time: any TimeSource, logger: Logger) throws(FileError) {
        let place = StorePlace(root: root, time: time)
        for folder in [root, "\(root)/buckets", "\(root)/incoming"] { try Files.makeFolder(folder) }
        for name in try Files.names(in: "\(root)/incoming") { try Files.remove("\(root)/incoming/\(name)") }
        let loader = BucketLoader(place: place, logger: logger)
        var found: [String: Bucket] = [:]
        for name in try Files.names(in: "\(root)/buckets") { found[name] = try loader.load(name) }
        self.place = place
        buckets = Mutex(found)
    }

    var bucketNames: [String] { buckets.withLock { $0.keys.sorted() } }

    func bucket(_ name: String) throws(S3Error) -> Bucket {
        guard let bucket = buckets.withLock({ $0[name] }) else { throw .noSuchBucket }
        return bucket
    }

    /// - Returns: false when the caller has such a bucket already.
    func createBucket(_ name: String, hasObjectLock: Bool) throws(S3Error) -> Bool {
        guard isBucketName(name) else {
            throw S3Error(400, "InvalidBucketName", "The bucket's name is not valid.")
        }
        return try buckets.withLock { (buckets) throws(S3Error) in
            guard buckets[name] == nil else { return false }
            var settings = BucketSettings(createdMilliseconds: place.nowMilliseconds)
            settings.hasObjectLock = hasObjectLock
            if hasObjectLock { settings.versioning = .enabled }
            let folder = place.bucketFolder(name)
            do throws(FileError) {
                for path in [folder, "\(folder)/objects", "\(folder)/uploads"] { try Files.makeFolder(path) }
            } catch { throw error.answer }
            try place.replaceFile("\(folder)/bucket.record", with: settings)
            buckets[name] = Bucket(name: name, place: place, state: Bucket.State(settings: settings))
            return true
        }
    }

    /// Refused while a version or an open upload is in it.
    func deleteBucket(_ name: String) throws(S3Error) {
        let bucket = try bucket(name)
        try bucket.state.withLock { (state) throws(S3Error) in
            guard state.index.count == 0, state.uploads.isEmpty else {
                throw S3Error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
            }
            do throws(FileError) { try Files.remove("\(bucket.folder)/bucket.record") } catch {
                throw error.answer
            }
            state.isDeleted = true
        }
        buckets.withLock { buckets in
            Files.removeTree(bucket.folder)
            buckets[name] = nil
        }
    }
}

/// 3 to 63 lower-case letters, digits, dots and hyphens; begins and ends with a letter or digit.
///
/// Source: Amazon S3 User Guide, "General purpose bucket naming rules".
func isBucketName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard (3...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
    let isAlphanumeric: (UInt8) -> Bool = { (97...122).contains($0) || (48...57).contains($0) }
    return isAlphanumeric(first) && isAlphanumeric(last) && !name.contains("..")
        && bytes.allSatisfy { isAlphanumeric($0) || $0 == 45 || $0 == 46 }
}
