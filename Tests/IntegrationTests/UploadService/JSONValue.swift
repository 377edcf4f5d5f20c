import Foundation

/// JSON, looked into without ceremony; what is not there is null.
struct JSONValue {
    private let value: Any?

    init(_ bytes: [UInt8]) { value = try? JSONSerialization.jsonObject(with: Data(bytes)) }
    private init(value: Any?) { self.value = value }

    subscript(name: String) -> JSONValue { JSONValue(value: (value as? [String: Any])?[name]) }
    subscript(index: Int) -> JSONValue {
        JSONValue(value: (value as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil })
    }
    var text: String? { value as? String }
    var number: Int? { (value as? NSNumber)?.intValue }
    var items: [JSONValue] { (value as? [Any])?.map { JSONValue(value: $0) } ?? [] }
}
