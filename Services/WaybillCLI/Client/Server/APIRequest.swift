import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import ServiceBootstrap

/// A request to our own server, with a JSON document or nothing in its body.
struct APIRequest: Sendable {
    let method: HTTPMethod
    /// Below the server's URL, its segments encoded.
    let path: String
    var query: [(name: String, value: String)] = []
    var document: [UInt8]?
    /// Lets a request that makes something be sent again.
    var idempotencyKey: String?

    init(_ method: HTTPMethod, _ path: String, query: [(name: String, value: String)] = []) {
        self.method = method
        self.path = path
        self.query = query
    }

    /// - Throws: `.unusable` when the document cannot be written as JSON, which means a defect.
    init(_ method: HTTPMethod, _ path: String, document: some Encodable) throws(ClientFailure) {
        self.init(method, path)
        do { self.document = Array(try JSONEncoder().encode(document)) } catch {
            throw .local("The request cannot be written: \(error)")
        }
    }

    func prepared(for server: Server) -> HTTPClientRequest {
        let query = self.query.map { "\($0.name)=\(percentEncoded($0.value))" }.joined(separator: "&")
        var request = HTTPClientRequest(url: server.url + path + (query.isEmpty ? "" : "?\(query)"))
        request.method = method
        request.headers.add(name: "authorization", value: "Bearer \(server.token.reveal())")
        request.headers.add(name: "user-agent", value: "waybill-cli")
        if let idempotencyKey { request.headers.add(name: "idempotency-key", value: idempotencyKey) }
        if let document {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: document))
        }
        return request
    }
}

/// Everything but the unreserved characters of RFC 3986, section 2.3.
func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16, uppercase: true)
            encoded += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
        }
    }
    return encoded
}
