import Foundation
import Glibc

/// Accepts connections on a port the system chooses, a thread for each.
enum BareListener {
    /// Runs until the process ends.
    ///
    /// - Parameter serve: owns the descriptor it is given.
    static func run(portFile: String, _ serve: @escaping @Sendable (Int32) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw BenchFailure("a bare server cannot listen") }
        try "\(UInt16(bigEndian: address.sin_port))\n".write(
            toFile: portFile,
            atomically: true,
            encoding: .utf8
        )
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { continue }
            Thread.detachNewThread { serve(client) }
        }
    }
}

extension sockaddr_in {
    /// Of this machine.
    init(port: Int) {
        self.init()
        sin_family = sa_family_t(AF_INET)
        sin_port = in_port_t(clamping: port).bigEndian
        sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
    }
}
