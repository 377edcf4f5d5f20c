import HTTPTypes
import HummingbirdCore

/// One rule of a bucket for browsers of other origins.
struct CORSRule: Codable, Sendable {
    var origins: [String]
    var methods: [String]
    var allowedHeaders: [String]
    var exposedHeaders: [String]
    var ageSecondsMax: Int?

    /// The rule's own spelling of the origin, for the answer; nil when it does not match.
    func match(origin: String, method: String, headers: [String]) -> String? {
        guard methods.contains(method), let allowed = origins.first(where: { isMatch(origin, $0) }),
            headers.allSatisfy({ header in
                allowedHeaders.contains { isMatch(header.lowercased(), $0.lowercased()) }
            })
        else { return nil }
        return allowed == "*" ? "*" : origin
    }
}

/// `pattern` may hold any number of `*`.
func isMatch(_ text: String, _ pattern: String) -> Bool {
    let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false).map { Array($0.utf8) }
    guard pieces.count > 1 else { return text == pattern }
    var rest = Array(text.utf8)[...]
    guard rest.starts(with: pieces[0]) else { return false }
    rest = rest.dropFirst(pieces[0].count)
    for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
        guard let through = prefixThrough(piece, in: Array(rest), from: 0) else { return false }
        rest = rest.dropFirst(through.count)
    }
    let last = pieces[pieces.count - 1]
    return rest.count >= last.count && Array(rest.suffix(last.count)) == last
}

extension Operations {
    func getCORS(_ call: Call) throws(S3Error) -> Answer {
        let rules = try store.bucket(call.bucketName).settings.cors
        guard !rules.isEmpty else {
            throw S3Error(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
        }
        var document = XMLDocument()
        document.root("CORSConfiguration") { root in
            for rule in rules {
                root.element("CORSRule") { element in
                    for origin in rule.origins { element.element("AllowedOrigin", origin) }
                    for method in rule.methods { element.element("AllowedMethod", method) }
                    for header in rule.allowedHeaders { element.element("AllowedHeader", header) }
                    for header in rule.exposedHeaders { element.element("ExposeHeader", header) }
                    element.element("MaxAgeSeconds", rule.ageSecondsMax.map(String.init))
                }
            }
        }
        return .xml(document)
    }

    func putCORS(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let root = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        let rules = root.all("CORSRule").map { element in
            CORSRule(
                origins: element.all("AllowedOrigin").map(\.text.trimmed),
                methods: element.all("AllowedMethod").map(\.text.trimmed),
                allowedHeaders: element.all("AllowedHeader").map(\.text.trimmed),
                exposedHeaders: element.all("ExposeHeader").map(\.text.trimmed),
                ageSecondsMax: element.value("MaxAgeSeconds").flatMap { Int($0) }
            )
        }
        let methods: Set = ["GET", "PUT", "HEAD", "POST", "DELETE"]
        guard root.name == "CORSConfiguration", (1...100).contains(rules.count),
            rules.allSatisfy({
                !$0.origins.isEmpty && !$0.methods.isEmpty && methods.isSuperset(of: $0.methods)
            })
        else { throw .malformedXML }
        try bucket.changeSettings { (settings) throws(S3Error) in settings.cors = rules }
        return Answer()
    }

    func deleteCORS(_ call: Call) throws(S3Error) -> Answer {
        try store.bucket(call.bucketName).changeSettings { (settings) throws(S3Error) in settings.cors = [] }
        return Answer(204)
    }

    /// A browser's question whether a request may be sent.
    func preflight(_ request: S3Request) throws(S3Error) -> Answer {
        guard request.header("origin") != nil,
            let method = request.header("access-control-request-method")
        else { throw S3Error(400, "BadRequest", "Insufficient information. Origin request header needed.") }
        let headers = (request.header("access-control-request-headers") ?? "")
            .split(separator: ",").map { String($0).trimmed }
        var answer = Answer()
        guard allow(request, method: method, headers: headers, in: &answer) else {
            throw S3Error(403, "AccessForbidden", "CORSResponse: This CORS request is not allowed.")
        }
        if !headers.isEmpty { answer.set("access-control-allow-headers", headers.joined(separator: ", ")) }
        return answer
    }

    /// Adds what lets a browser show the answer to a page of another origin.
    @discardableResult
    func allow(_ request: S3Request, method: String, headers: [String], in answer: inout Answer) -> Bool {
        guard let origin = request.header("origin"), let name = request.bucketName,
            let rules = try? store.bucket(name).settings.cors
        else { return false }
        for rule in rules {
            guard let allowed = rule.match(origin: origin, method: method, headers: headers) else { continue }
            answer.set("access-control-allow-origin", allowed)
            answer.set("access-control-allow-methods", rule.methods.joined(separator: ", "))
            if !rule.exposedHeaders.isEmpty {
                answer.set("access-control-expose-headers", rule.exposedHeaders.joined(separator: ", "))
            }
            answer.set("access-control-max-age", rule.ageSecondsMax.map(String.init))
            if allowed != "*" { answer.set("access-control-allow-credentials", "true") }
            answer.set(.vary, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
            return true
        }
        return false
    }
}
