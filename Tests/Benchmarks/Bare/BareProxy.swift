import Digests
import Foundation
import Glibc

/// What any service between a client and a store does at least: it takes the bytes from one socket, hashes them where Waybill does,
/// and gives them to another. It knows nothing of HTTP. One thread for each direction of a connection.
enum BareProxy {
    enum Kind: String {
        case copying, hashing
    }

    private static let bufferBytes = 256 << 10

    /// Runs until the process ends.
    static func run(_ kind: Kind, portFile: String, to target: ServerAddress) throws {
        try BareListener.run(portFile: portFile) { serve($0, kind, target) }
    }

    private static func serve(_ client: Int32, _ kind: Kind, _ target: ServerAddress) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var to = sockaddr_in(port: target.port)
        let isConnected = withUnsafePointer(to: &to) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let answers = DispatchSemaphore(value: 0)
        if isConnected {
            Thread.detachNewThread {
                pass(from: server, to: client, hashing: false)
                answers.signal()
            }
            pass(from: client, to: server, hashing: kind == .hashing)
            answers.wait()
        }
        close(client)
        close(server)
    }

    private static func pass(from source: Int32, to sink: Int32, hashing: Bool) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 4_096)
        defer { buffer.deallocate() }
        var hasher = SHA256Hasher()
        while true {
            let count = recv(source, buffer.baseAddress, buffer.count, 0)
            guard count > 0 else { break }
            if hashing { hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            var sent = 0
            while sent < count {
                let step = send(
                    sink,
                    buffer.baseAddress?.advanced(by: sent),
                    count - sent,
                    Int32(MSG_NOSIGNAL)
                )
                guard step > 0 else { break }
                sent += step
            }
            guard sent == count else { break }
        }
        _ = hasher.finalize()
        shutdown(sink, Int32(SHUT_WR))
    }
}

extension Site {
    /// A proxy before the store, until the row is over.
    func startProxy(_ kind: BareProxy.Kind) async throws -> ServerAddress {
        let portFile = "\(folder)/proxy-\(Site.mark()).port"
        let program = try Program(
            "Benchmarks",
            ["--proxy", portFile, kind.rawValue, "\(store.port)"],
            log: "\(folder)/proxy.log",
            children: children
        )
        atEndOfRow { await program.stop() }
        return ServerAddress(port: try await program.port(in: portFile))
    }
}

extension Curl {
    /// What sends curl to `proxy` for a URL of the store's: a signature holds for the store's own name.
    static func through(_ proxy: ServerAddress, to store: StoreAddress) -> [String] {
        ["--connect-to", "\(store.host):\(store.port):127.0.0.1:\(proxy.port)"]
    }
}
