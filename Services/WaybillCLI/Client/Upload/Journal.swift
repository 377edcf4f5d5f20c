import Digests
import FoundationEssentials
import Glibc
import ServiceBootstrap

/// Where uploads under way are remembered, so that the same command goes on where a killed one stopped. Every method may
/// wait for the disk.
struct Journal: Sendable {
    let folder: String

    /// `$XDG_STATE_HOME/waybill`, by default `~/.local/state/waybill` (XDG Base Directory Specification 0.8).
    static func ofThisUser() throws(ClientFailure) -> Journal {
        var settings = SettingsReader.ofThisProcess()
        if let state = settings.optionalText("XDG_STATE_HOME"), state.hasPrefix("/") {
            return Journal(folder: state + "/waybill")
        }
        guard let home = settings.optionalText("HOME"), home.hasPrefix("/") else {
            throw .local("Neither XDG_STATE_HOME nor HOME says where to remember the upload.")
        }
        return Journal(folder: home + "/.local/state/waybill")
    }

    /// The place of one file that goes to one server under one name, locked against other processes.
    func slot(server: String, path: String, name: String) throws(ClientFailure) -> JournalSlot {
        try makeFolder()
        let key = Digest256.of([server, path, name].joined(separator: "\n")).hex
        return try JournalSlot(locking: "\(folder)/\(key.prefix(32))", of: path)
    }

    private func makeFolder() throws(ClientFailure) {
        var path = ""
        for part in folder.split(separator: "/") {
            path += "/\(part)"
            guard mkdir(path, 0o700) != 0, errno != EEXIST, access(path, F_OK) != 0 else { continue }
            throw .local("\(path) cannot be made, where the upload is to be remembered: \(lastError()).")
        }
    }
}

/// One entry of the journal. It is locked as long as the value lives; the kernel unlocks it when the process dies.
final class JournalSlot: Sendable {
    private let path: String
    private let lockPath: String
    private let lock: Int32

    fileprivate init(locking stem: String, of source: String) throws(ClientFailure) {
        path = stem + ".json"
        lockPath = stem + ".lock"
        lock = try Self.lock(lockPath, source)
    }

    deinit { close(lock) }

    private static func lock(_ path: String, _ source: String) throws(ClientFailure) -> Int32 {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw .local("\(path) cannot be opened: \(lastError()).") }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                throw .inUse("Another waybill is sending \(source).")
            }
            // Whoever held it before may have removed it: then it locks nothing any more.
            if isStillThere(path, descriptor) { return descriptor }
            close(descriptor)
        }
    }

    private static func isStillThere(_ path: String, _ descriptor: Int32) -> Bool {
        var (named, held) = (stat(), stat())
        return stat(path, &named) == 0 && fstat(descriptor, &held) == 0 && named.st_ino == held.st_ino
    }

    /// Nil when nothing is remembered, or nothing that can be read.
    func read() -> JournalEntry? {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return nil }
        return JournalEntry(json: Array(data))
    }

    /// When this returns the entry outlives a crash of the machine.
    func write(_ entry: JournalEntry) throws(ClientFailure) {
        try DurableFile.write(try entry.json(), to: path)
    }

    func remove() throws(ClientFailure) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .local("\(path) cannot be removed: \(lastError()).")
        }
        unlink(lockPath)
    }
}
