internal import Synchronization

/// What a test may rely on about one file, from the answers it got.
public struct RememberedFile: Equatable, Sendable {
    public enum Fate: Equatable, Sendable {
        /// Stored or restored, and nobody asked otherwise since.
        case available
        /// In the trash; a purge may follow when its time has come.
        case deleted
        /// Deleted for good: sooner or later its bytes are gone.
        case purged
        /// Something was asked for whose answer never came.
        case uncertain
    }

    public let id: String
    public let name: String
    public let size: Int
    public let sha256: String
    public var fate: Fate

    public init(id: String, name: String, size: Int, sha256: String, fate: Fate) {
        self.id = id
        self.name = name
        self.size = size
        self.sha256 = sha256
        self.fate = fate
    }
}

/// The answers a test got, to hold the services to.
public final class StackMemory: Sendable {
    private let files = Mutex<[String: RememberedFile]>([:])

    public var all: [RememberedFile] { files.withLock { Array($0.values) } }

    public func remember(_ file: RememberedFile) { files.withLock { $0[file.id] = file } }
    public func setFate(_ fate: RememberedFile.Fate, of id: String) { files.withLock { $0[id]?.fate = fate } }
    public subscript(id: String) -> RememberedFile? { files.withLock { $0[id] } }
}
