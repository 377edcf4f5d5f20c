import Foundation
import Glibc
import Synchronization
import TestSupport

/// Stands between a pool and PostgreSQL and, when armed, swallows the answer to the next COMMIT with the connection: the
/// transaction is committed, and nobody is told.
final class CommitCutter: Sendable {
    struct Failed: Error { let what: String }

    let port: Int
    private let listener: Int32
    private let armedCount = Atomic<Int>(0)
    private let cutCount = Atomic<Int>(0)
    private let passedCount = Atomic<Int>(0)

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &size) == 0
            }
        }
        guard isListening else { throw Failed(what: "listen") }
        self.listener = listener
        port = Int(in_port_t(bigEndian: address.sin_port))
    }

    /// The test database, reached through here.
    func start() throws -> String {
        let url = try TestDatabase.url()
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty else {
            throw Failed(what: "the test database must be named by host and port")
        }
        let target = parts.port ?? 5432
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                let server = Self.connect(port: target)
                Thread.detachNewThread { self.copy(from: client, to: server, watching: false) }
                Thread.detachNewThread { self.copy(from: server, to: client, watching: true) }
            }
        }
        return url + (url.contains("?") ? "&" : "?") + "host=127.0.0.1&port=\(port)"
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
    /// The next `count` commits lose their answer.
    func arm(_ count: Int = 1) { armedCount.store(count, ordering: .sequentiallyConsistent) }
    /// Commits whose answer reached the pool.
    var passed: Int { passedCount.load(ordering: .sequentiallyConsistent) }
    var cuts: Int { cutCount.load(ordering: .sequentiallyConsistent) }

    private func copy(from source: Int32, to target: Int32, watching: Bool) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            let isCommit = watching && isCommitTag(chunk[..<count])
            if isCommit, take() { break }
            guard send(target, chunk, count, Int32(MSG_NOSIGNAL)) == count else { break }
            if isCommit { passedCount.wrappingAdd(1, ordering: .sequentiallyConsistent) }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }

    /// CommandComplete with the tag COMMIT.
    private func isCommitTag(_ bytes: ArraySlice<UInt8>) -> Bool {
        Data(bytes).range(of: Data([0x43, 0, 0, 0, 11] + Array("COMMIT\0".utf8))) != nil
    }

    private func take() -> Bool {
        while true {
            let left = armedCount.load(ordering: .sequentiallyConsistent)
            guard left > 0 else { return false }
            let (exchanged, _) = armedCount.compareExchange(
                expected: left,
                desired: left - 1,
                ordering: .sequentiallyConsistent
            )
            if exchanged {
                cutCount.wrappingAdd(1, ordering: .sequentiallyConsistent)
                return true
            }
        }
    }

    private static func connect(port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let address = loopback(port: port)
        _ = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return descriptor
    }

    private static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }
}
