import Foundation
import Glibc

/// A client's end of a TCP connection, byte by byte, so that a test can misbehave exactly. Calls wait on their own thread.
public final class RawConnection: Sendable {
    public struct Failed: Error { let what: String }

    /// Everything received up to a point, and whether the server had closed by then.
    public struct Received: Sendable {
        public var text: String
        public var isClosed: Bool
    }

    private let descriptor: Int32

    public init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failed(what: "socket") }
        if var size = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw Failed(what: "connect")
        }
    }

    deinit { close(descriptor) }

    /// Throws when the server has closed its end for good.
    public func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) async throws {
        try await onThread { descriptor in
            var offset = 0
            while offset < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(
                        descriptor,
                        $0.baseAddress?.advanced(by: offset),
                        bytes.count - offset,
                        Int32(MSG_NOSIGNAL)
                    )
                }
                guard count > 0 else { throw Failed(what: "send") }
                offset += count
            }
        }
    }

    /// No more bytes will be sent; receiving goes on.
    public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends with a reset instead of a goodbye.
    public func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Receives until `isEnough` says so, the server closes, or the time is over.
    public func receive(
        within limitSeconds: Int = 10,
        until isEnough: @escaping @Sendable (String) -> Bool = { _ in false }
    ) async throws -> Received {
        try await onThread { descriptor in
            var limit = timeval(tv_sec: limitSeconds, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(descriptor, &chunk, chunk.count, 0)
                if count < 0, errno == EAGAIN {
                    return Received(text: String(decoding: bytes, as: UTF8.self), isClosed: false)
                }
                guard count > 0 else {
                    return Received(text: String(decoding: bytes, as: UTF8.self), isClosed: true)
                }
                bytes += chunk[..<count]
                let text = String(decoding: bytes, as: UTF8.self)
                if isEnough(text) { return Received(text: text, isClosed: false) }
            }
        }
    }

    /// Receives until the server closes.
    ///
    /// - Returns: how many bytes came; fewer than were sent after a reset, or when none came for 30 seconds.
    public func countToEnd() async throws -> Int {
        try await onThread { descriptor in
            var limit = timeval(tv_sec: 30, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            var chunk = [UInt8](repeating: 0, count: 65_536)
            var total = 0
            while true {
                let count = recv(descriptor, &chunk, chunk.count, 0)
                guard count > 0 else { return total }
                total += count
            }
        }
    }

    /// Passes time in which the server should stay silent; true when it did.
    public func receiveNothing(forMilliseconds limit: Int) async throws -> Bool {
        try await onThread { descriptor in
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&entry, 1, Int32(limit)) == 0
        }
    }

    private func onThread<Value: Sendable>(
        _ work: @escaping @Sendable (Int32) throws -> Value
    ) async throws -> Value {
        let descriptor = descriptor
        return try await withCheckedThrowingContinuation { continuation in
            // Not a global queue: its few threads are also the ones that run Swift's tasks.
            Thread.detachNewThread { continuation.resume(with: Result { try work(descriptor) }) }
        }
    }
}
