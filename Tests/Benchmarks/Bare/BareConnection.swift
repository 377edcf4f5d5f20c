import Glibc

/// Where a server listens: an address of IPv4.
struct ServerAddress: Sendable {
    var host = "127.0.0.1"
    var port: Int
}

/// A request, ready to be sent: what it costs to make is not measured.
struct BareRequest: Sendable {
    let bytes: [UInt8]

    init(_ method: String, _ target: String, host: String, fields: [String] = [], body: [UInt8] = []) {
        var head = "\(method) \(target) HTTP/1.1\r\nhost: \(host)\r\n"
        for field in fields { head += "\(field)\r\n" }
        if !fields.contains(where: { $0.hasPrefix("content-length:") }), method != "GET" {
            head += "content-length: \(body.count)\r\n"
        }
        bytes = Array((head + "\r\n").utf8) + body
    }

    /// As it was received.
    init(_ head: String, _ body: [UInt8]) { bytes = Array((head + "\r\n\r\n").utf8) + body }
}

struct BareAnswer: Sendable {
    let status: Int
    /// Empty unless it was asked for.
    let body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// The leanest HTTP client there is: blocking calls on one connection that stays open, answers with a length. It takes
/// the same from the machine whoever the server is.
final class BareConnection {
    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    private var begin = 0
    private var end = 0

    /// The server's end of a connection that was accepted.
    init(accepted descriptor: Int32) {
        self.descriptor = descriptor
        forbidDelay()
    }

    init(_ address: ServerAddress) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchFailure("no socket") }
        forbidDelay()
        var to = sockaddr_in()
        to.sin_family = sa_family_t(AF_INET)
        to.sin_port = in_port_t(address.port).bigEndian
        guard inet_pton(AF_INET, address.host == "localhost" ? "127.0.0.1" : address.host, &to.sin_addr) == 1
        else {
            close(descriptor)
            throw BenchFailure("\(address.host) is no IPv4 address")
        }
        let result = withUnsafePointer(to: to) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw BenchFailure("nobody listens on port \(address.port)")
        }
    }

    deinit { close(descriptor) }

    private func forbidDelay() {
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The next request with its body, as a server reads it.
    func receive() throws -> (head: String, body: [UInt8]) {
        let head = try readHead()
        return (head, try readBody(Self.length(head.split(separator: "\r\n")) ?? 0, true))
    }

    func answer(_ status: String, _ body: [UInt8] = []) throws {
        try send(Array("HTTP/1.1 \(status)\r\ncontent-length: \(body.count)\r\n\r\n".utf8) + body)
    }

    func exchange(_ request: BareRequest, keepsBody: Bool = false) throws -> BareAnswer {
        try send(request.bytes)
        let head = try readHead()
        let fields = head.split(separator: "\r\n")
        guard let status = fields.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw BenchFailure("not an answer: \(head)")
        }
        if status == 204 || status == 304 { return BareAnswer(status: status, body: []) }
        guard let length = Self.length(fields) else {
            throw BenchFailure("an answer without a length: \(head)")
        }
        return BareAnswer(status: status, body: try readBody(length, keepsBody))
    }

    private static func length(_ fields: [Substring]) -> Int? {
        fields.first { $0.lowercased().hasPrefix("content-length:") }?
            .split(separator: ":").last.flatMap { Int($0.drop { $0 == " " }) }
    }

    private func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(
                    descriptor,
                    bytes.baseAddress?.advanced(by: sent),
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
                guard count > 0 else { throw BenchFailure("the server took no more bytes") }
                sent += count
            }
        }
    }

    private func fill() throws {
        if begin > 0 {
            buffer.withUnsafeMutableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                memmove(base, base + begin, end - begin)
            }
            (begin, end) = (0, end - begin)
        }
        let (from, room) = (end, buffer.count - end)
        let count = buffer.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress?.advanced(by: from), room, 0)
        }
        guard count > 0 else { throw BenchFailure("the server closed the connection") }
        end += count
    }

    private func readHead() throws -> String {
        var looked = begin
        while true {
            while looked + 3 < end {
                if buffer[looked] == 13, buffer[looked + 1] == 10, buffer[looked + 2] == 13,
                    buffer[looked + 3] == 10
                {
                    defer { begin = looked + 4 }
                    return String(decoding: buffer[begin..<looked], as: UTF8.self)
                }
                looked += 1
            }
            guard end - begin < buffer.count else { throw BenchFailure("a head without end") }
            let offset = looked - begin
            try fill()
            looked = begin + offset
        }
    }

    private func readBody(_ length: Int, _ keeps: Bool) throws -> [UInt8] {
        var body: [UInt8] = []
        var left = length
        while left > 0 {
            if begin == end {
                (begin, end) = (0, 0)
                try fill()
            }
            let count = min(left, end - begin)
            if keeps { body += buffer[begin..<begin + count] }
            begin += count
            left -= count
        }
        return body
    }
}
