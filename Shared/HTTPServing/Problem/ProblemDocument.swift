import Correlation
import Determinism
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceBootstrap

/// Renders a problem as `application/problem+json`.
enum ProblemDocument {
    static func response(_ problem: Problem, _ exchange: Exchange, at time: Timestamp) -> Response {
        let status = HTTPResponse.Status(code: problem.status)
        var fields: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        for (name, value) in problem.fields {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        if let seconds = problem.retryAfterSeconds { fields[.retryAfter] = String(max(0, seconds)) }
        let body = ByteBuffer(bytes: document(problem, status, exchange, time))
        return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: body))
    }

    private static func document(
        _ problem: Problem,
        _ status: HTTPResponse.Status,
        _ exchange: Exchange,
        _ time: Timestamp
    ) -> [UInt8] {
        let slug = problem.code.lowercased().map { $0 == "_" ? "-" : $0 }
        var members: [(String, String)] = [
            ("type", "urn:waybill:problem:\(String(slug))"),
            ("title", Problem.title(for: problem.status)),
            ("detail", problem.detail),
            ("instance", "urn:waybill:request:\(exchange.requestID)"),
            ("timestamp", time.rfc3339),
            ("errorCode", problem.code),
            ("message", problem.detail),
            ("path", exchange.path),
            ("trace_id", exchange.trace.traceID),
        ]
        let taken = Set(members.map(\.0) + ["status", "retryable"])
        members += problem.extensions.filter { !taken.contains($0.key) }.sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
        var json = Array("{\"status\":\(problem.status),\"retryable\":\(problem.isRetryable)".utf8)
        for (name, value) in members {
            json.append(UInt8(ascii: ","))
            JSONText.append(name, to: &json)
            json.append(UInt8(ascii: ":"))
            JSONText.append(value, to: &json)
        }
        for (name, numbers) in problem.lists.sorted(by: { $0.key < $1.key }) where !taken.contains(name) {
            json.append(UInt8(ascii: ","))
            JSONText.append(name, to: &json)
            json += Array(":[\(numbers.map(String.init).joined(separator: ","))]".utf8)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }
}
