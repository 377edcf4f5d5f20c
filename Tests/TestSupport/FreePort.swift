internal import Glibc
internal import Synchronization

public struct NoFreePort: Error {}

/// A port of loopback for a server that is to have the same one whenever it is started.
///
/// It lies below the kernel's ephemeral range (32768…), so that no outgoing connection takes it while the server is down,
/// and is handed out once only in a process.
public func freePort() throws -> Int {
    for _ in 0..<1_000 {
        let port = in_port_t.random(in: 10_000..<20_000)
        if handedOut.withLock({ $0.insert(port).inserted }), canBind(port) { return Int(port) }
    }
    throw NoFreePort()
}

private let handedOut = Mutex<Set<in_port_t>>([])

private func canBind(_ port: in_port_t) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
