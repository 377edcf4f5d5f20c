import Glibc

/// Whole or not at all: a reader never sees a file without its number.
func writePort(_ port: UInt16, to path: String) throws(Refusal) {
    let temporary = "\(path).\(getpid())"
    guard let file = fopen(temporary, "w") else { throw Refusal("--port-file: cannot write \(temporary)") }
    let isWritten = fputs("\(port)\n", file) >= 0
    guard fclose(file) == 0, isWritten, rename(temporary, path) == 0 else {
        unlink(temporary)
        throw Refusal("--port-file: cannot write \(path)")
    }
}

/// Whether a listener on loopback could have `port` now. Zero is always free.
func isFree(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { address in
        address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
