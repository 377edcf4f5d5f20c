import Foundation
import Synchronization

/// Folders that all tests of the process share, and that go when it ends.
public enum ProcessFolder {
    private static let paths = Mutex<[String]>([])

    /// - Returns: a path nothing lies at yet.
    public static func make(_ name: String) -> String {
        let path = "\(NSTemporaryDirectory())/\(name)-\(UUID().uuidString.prefix(8))"
        let isFirst = paths.withLock { paths in
            paths.append(path)
            return paths.count == 1
        }
        if isFirst { atexit { ProcessFolder.removeAll() } }
        return path
    }

    private static func removeAll() {
        for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
}
