import HTTPTypes
import NIOCore

/// What is sent back.
struct Answer: Sendable {
    enum Body: Sendable {
        case none
        case text(String)
        /// Bytes of an object, read while they are sent.
        case object(StoredObject, Range<Int64>)
    }

    var status: Int
    var headers: [(HTTPField.Name, String)] = []
    var body = Body.none
    #if DEBUG
        /// A fault that strikes while the object is sent.
        var damage: FaultRule?
    #endif

    init(_ status: Int = 200) { self.status = status }

    static func xml(_ document: XMLDocument, status: Int = 200) -> Answer {
        var answer = Answer(status)
        answer.headers = [(.contentType, "application/xml")]
        answer.body = .text(document.source)
        return answer
    }

    init(_ error: S3Error, resource: String, requestID: String) {
        self.init(error.status)
        headers = error.headers
        guard error.status != 304 else { return }
        var document = XMLDocument()
        document.element("Error") { root in
            root.element("Code", error.code)
            root.element("Message", error.message)
            root.element("Resource", resource)
            root.element("RequestId", requestID)
        }
        headers.append((.contentType, "application/xml"))
        body = .text(document.source)
    }

    mutating func set(_ name: HTTPField.Name, _ value: String?) {
        if let value { headers.append((name, value)) }
    }

    mutating func set(_ name: String, _ value: String?) { set(.named(name), value) }

    var contentLength: Int64 {
        switch body {
        case .none: 0
        case .text(let text): Int64(text.utf8.count)
        case .object(_, let range): range.upperBound - range.lowerBound
        }
    }
}
