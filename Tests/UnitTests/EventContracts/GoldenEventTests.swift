import EventContracts
import Foundation
import Testing

@Suite("I16 copies of one event are byte-identical: golden events")
struct GoldenEventTests {
    @Test(arguments: SampleEvents.all)
    func isWrittenAsTheGoldenFileSays(_ event: FileEvent) throws {
        let encoded = try event.encoded(traceparent: SampleEvents.traceparent)
        let golden = try String(contentsOf: goldenFile(event.type), encoding: .utf8)
        #expect(rendered(encoded) == golden)
    }

    /// A field that is not known is not there, instead of being null.
    @Test func aFileWithoutDigestIsWrittenAsItsGoldenFileSays() throws {
        let encoded = try SampleEvents.storedUndigested.encoded(traceparent: SampleEvents.traceparent)
        let golden = try String(contentsOf: specs.appending(path: Self.undigested), encoding: .utf8)
        #expect(rendered(encoded) == golden)
    }

    private static let undigested = "golden/file.stored.undigested.json"

    @Test func everyTypeHasOneSampleAndOneGoldenFile() throws {
        #expect(SampleEvents.all.map(\.type) == EventType.allCases)
        let files = try FileManager.default.contentsOfDirectory(atPath: specs.appending(path: "golden").path)
        let ofTypes = files.filter { "golden/\($0)" != Self.undigested }
        #expect(Set(ofTypes) == Set(EventType.allCases.map { "\($0.rawValue).json" }))
    }

    private func goldenFile(_ type: EventType) -> URL {
        specs.appending(path: "golden/\(type.rawValue).json")
    }

    private func rendered(_ event: EncodedEvent) -> String {
        let headers = event.headers.map {
            "    \"\($0.name)\": \"\(String(decoding: $0.value, as: UTF8.self))\""
        }
        return """
            {
              "key": "\(event.key)",
              "headers": {
            \(headers.joined(separator: ",\n"))
              },
              "payload": \(String(decoding: event.payload, as: UTF8.self))
            }

            """
    }
}

@Suite("asyncapi.yaml says what the code does")
struct AsyncAPITests {
    @Test(arguments: SampleEvents.all)
    func namesEveryFieldOfEveryType(_ event: FileEvent) throws {
        let document = try String(contentsOf: specs.appending(path: "asyncapi.yaml"), encoding: .utf8)
        let schema = event.type.rawValue.split(whereSeparator: { "._".contains($0) }).map(\.capitalized)
            .joined()
        #expect(block("    \(schema):\n      name: \(event.type.rawValue)\n", in: document) != nil)

        let properties = try #require(block("    \(schema):\n      type: object\n", in: document))
        let payload = try JSONSerialization.jsonObject(with: Data(event.encoded().payload))
        let fields = try #require(payload as? [String: Any]).keys
        for field in fields {
            #expect(properties.contains("\n        \(field):\n"), "\(schema) lacks \(field)")
        }
    }

    @Test func namesBothTopicsAndEveryHeader() throws {
        let document = try String(contentsOf: specs.appending(path: "asyncapi.yaml"), encoding: .utf8)
        for topic in Topic.allCases {
            #expect(document.contains("address: \(topic.name)\n"))
            #expect(document.contains(topic.source))
        }
        let headers = try SampleEvents.all[0].encoded(traceparent: SampleEvents.traceparent).headers
        for header in headers { #expect(document.contains("\n          \(header.name):\n")) }
    }

    @Test func namesNoTypeTheCodeDoesNotKnow() throws {
        let document = try String(contentsOf: specs.appending(path: "asyncapi.yaml"), encoding: .utf8)
        let named = document.split(separator: "\n").filter { $0.hasPrefix("      name: ") }
            .map { $0.dropFirst(12) }
        #expect(named.map(String.init) == EventType.allCases.map(\.rawValue))
    }

    /// From `start` to the next line that is indented as little.
    private func block(_ start: String, in document: String) -> String? {
        guard let range = document.range(of: start) else { return nil }
        let lines = document[range.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
        return "\n" + lines.prefix { $0.hasPrefix("     ") }.joined(separator: "\n") + "\n"
    }
}

private let specs = URL(filePath: #filePath).appending(path: "../../../../Shared/EventContracts/Specs")
    .standardized
