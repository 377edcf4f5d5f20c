internal import Foundation
internal import Glibc
internal import Synchronization

/// Stands between clients and a server on loopback: a TCP proxy that a test can shut, block, and have swallow the answer to
/// a COMMIT of PostgreSQL.
public final class NetworkDoor: Sendable {
    public struct Failed: Error { let what: String }

    /// What clients connect to.
    public let port: Int
    private let listener: Int32
    private let target: Int
    private let state = Mutex(State())
    /// Signalled at every change of the position.
    private let moved = NSCondition()

    private enum Position { case open, shut, blocked }

    private struct State {
        var position = Position.open
        var links: [ObjectIdentifier: Link] = [:]
        /// What a transaction says when its commit's answer is to be lost; nil when none is.
        var marker: [UInt8]?
        /// How many commits after that one lose their answer too, whatever their transaction says.
        var furtherLosses = 0
        var lossCount = 0
    }

    /// - Parameter target: the server's port.
    public init(to target: Int) throws {
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
        self.target = target
        port = Int(in_port_t(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in acceptAll() }
    }

    /// Everything passes, as at the start.
    public func open() { move(to: .open) }
    /// Every connection is cut, and new ones end at once.
    public func shut() { move(to: .shut) }
    /// Connections stay and new ones are taken, but no byte passes either way: a cable was pulled.
    public func block() { move(to: .blocked) }
    /// Cuts every connection; new ones are welcome.
    public func cut() { for link in state.withLock({ Array($0.links.values) }) { link.cut() } }

    /// For good: clients are refused from now on.
    public func close() {
        shut()
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// The next transaction that sends `marker` is committed, but nobody is told: the connection ends instead.
    ///
    /// - Parameter further: as many transactions after it fare the same, whatever they send.
    public func loseCommitAnswer(after marker: String, further: Int = 0) {
        state.withLock {
            $0.marker = Array(marker.utf8)
            $0.furtherLosses = further
        }
    }

    /// Commits whose answer was swallowed.
    public var lostCommitCount: Int { state.withLock { $0.lossCount } }

    private func move(to position: Position) {
        state.withLock { $0.position = position }
        moved.lock()
        moved.broadcast()
        moved.unlock()
        if position == .shut { cut() }
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else {
                Glibc.close(listener)
                return
            }
            let link = Link(client: client, server: Self.connect(port: target))
            let isWelcome = state.withLock { state in
                state.links[ObjectIdentifier(link)] = link
                return state.position != .shut
            }
            guard isWelcome else {
                end(link)
                continue
            }
            Thread.detachNewThread { self.copy(link, toServer: true) }
            Thread.detachNewThread { self.copy(link, toServer: false) }
        }
    }

    private func copy(_ link: Link, toServer: Bool) {
        let (source, sink) = toServer ? (link.client, link.server) : (link.server, link.client)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &chunk, chunk.count, 0)
            guard count > 0, waitUntilOpen(), mayPass(chunk[..<count], link, toServer: toServer) else {
                break
            }
            guard send(sink, chunk, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        end(link)
    }

    /// - Returns: false when the door was shut meanwhile.
    private func waitUntilOpen() -> Bool {
        while true {
            moved.lock()
            let position = state.withLock { $0.position }
            if position == .blocked { moved.wait() }
            moved.unlock()
            if position != .blocked { return position == .open }
        }
    }

    private func mayPass(_ bytes: ArraySlice<UInt8>, _ link: Link, toServer: Bool) -> Bool {
        state.withLock { state in
            guard let marker = state.marker else { return true }
            guard !toServer else {
                if marker.isEmpty || Data(bytes).range(of: Data(marker)) != nil { link.hasMarker = true }
                return true
            }
            let answer = Data(bytes)
            guard link.hasMarker, answer.range(of: Self.committed) != nil else {
                // What was sent belonged to no transaction, or to one that was rolled back.
                if answer.suffix(Self.idle.count) == Self.idle { link.hasMarker = false }
                return true
            }
            state.marker = state.furtherLosses > 0 ? [] : nil
            state.furtherLosses -= 1
            state.lossCount += 1
            return false
        }
    }

    private func end(_ link: Link) {
        link.cut()
        state.withLock { $0.links[ObjectIdentifier(link)] = nil }
    }

    /// CommandComplete with the tag COMMIT.
    private static let committed = Data([0x43, 0, 0, 0, 11] + Array("COMMIT\0".utf8))

    /// ReadyForQuery outside of a transaction.
    private static let idle = Data([0x5A, 0, 0, 0, 5, 0x49])

    private static func connect(port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = withUnsafePointer(to: loopback(port: port)) { pointer in
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

extension NetworkDoor {
    /// A door to the PostgreSQL that tests use.
    public convenience init(toDatabase url: String) throws {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty else {
            throw Failed(what: "the test database must be named by host and port")
        }
        try self.init(to: parts.port ?? 5_432)
    }

    /// The same database, reached through here.
    public func address(of url: String) -> String {
        url + (url.contains("?") ? "&" : "?") + "host=127.0.0.1&port=\(port)"
    }
}

/// One client's connection and its continuation. The descriptors are closed when nobody copies between them any more.
///
/// `@unchecked Sendable`: the marker is touched under the door's lock only.
private final class Link: @unchecked Sendable {
    let client: Int32
    let server: Int32
    var hasMarker = false

    init(client: Int32, server: Int32) {
        self.client = client
        self.server = server
    }

    func cut() {
        shutdown(client, Int32(SHUT_RDWR))
        shutdown(server, Int32(SHUT_RDWR))
    }

    deinit {
        Glibc.close(client)
        Glibc.close(server)
    }
}
