import Determinism
import EventContracts
import Foundation
import Testing

@Suite("Events: what is written can be read, and nothing else")
struct EventCodingTests {
    private static let withoutDigest = [
        SampleEvents.storedUndigested,
        SampleEvents.event(3, .restored(SampleEvents.stored(sha256: nil))),
        SampleEvents.event(1, .rejected(SampleEvents.rejected(expectedSize: 4, expectedSHA256: nil))),
    ]

    @Test(arguments: SampleEvents.all + withoutDigest)
    func roundTrips(_ event: FileEvent) throws {
        let encoded = try event.encoded(traceparent: SampleEvents.traceparent)
        #expect(decode(encoded) == .event(event))
    }

    @Test func unknownFieldsAndHeadersAreIgnored() throws {
        let encoded = try SampleEvents.all[0].encoded()
        let decoded = DecodedEvent(
            key: Array(encoded.key.utf8),
            headers: encoded.headers + [("x-retry", [0xFF])],
            payload: patched(encoded.payload, ["new_field": ["deep": [1, 2, 3]]])
        )
        #expect(decoded == .event(SampleEvents.all[0]))
    }

    @Test func aTypeOfTomorrowIsSkippedNotParked() throws {
        let encoded = try SampleEvents.all[0].encoded()
        let headers = encoded.headers.map { $0.name == "ce_type" ? ($0.name, Array("file.moved".utf8)) : $0 }
        #expect(DecodedEvent(key: nil, headers: headers, payload: []) == .unknownType("file.moved"))
    }

    @Test(arguments: SampleEvents.all)
    func everyRequiredFieldMustBeThere(_ event: FileEvent) throws {
        let encoded = try event.encoded()
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(encoded.payload)) as? [String: Any]
        )
        let optional: Set = ["s3_upload_id", "actual_size", "actual_sha256", "expected_sha256"]
        for field in Set(object.keys).subtracting(optional) where !(field == "sha256" && event.mayLackDigest)
        {
            let payload = patched(encoded.payload, [field: nil])
            let decoded = decode(encoded, payload: payload)
            #expect(decoded == .unreadable(reason: "payload: \(field) is missing"))
        }
    }

    static let badFields: [(String, any Sendable)] = [
        ("file_id", "not-a-uuid"), ("file_id", 7), ("version", 0), ("version", -1), ("version", 1.5),
        ("version", "1"), ("tenant", ""), ("tenant", "Acme"), ("tenant", "a/b"),
        ("tenant", String(repeating: "a", count: 64)), ("owner", ""), ("owner", "a\u{0}b"),
        ("owner", String(repeating: "x", count: 256)), ("occurred_at", "yesterday"),
        ("upload_id", ""), ("name", ""), ("name", String(repeating: "n", count: 3_073)), ("name", "a\u{0}"),
        ("content_type", ""), ("size", -1), ("size", 1e30), ("sha256", "abc"),
        ("sha256", SampleEvents.sha256.uppercased()), ("sha256", String(repeating: "g", count: 64)),
        ("object_key", ""), ("object_key", "acme/"), ("object_key", "../../etc/passwd"),
        ("object_key", SampleEvents.objectKey.replacingOccurrences(of: "acme", with: "other")),
        ("etag", NSNull()),
    ]

    @Test(arguments: badFields.indices)
    func aFieldOutOfBoundsIsUnreadable(_ index: Int) throws {
        let (field, value) = Self.badFields[index]
        let encoded = try SampleEvents.all[0].encoded()
        let decoded = decode(encoded, payload: patched(encoded.payload, [field: value]))
        guard case .unreadable(let reason) = decoded else {
            Issue.record("\(field) = \(value) was accepted")
            return
        }
        #expect(reason.contains(field) || reason.contains("does not fit"))
    }

    @Test func theWriterRefusesWhatTheReaderWouldPark() {
        let refused: [FileEvent] = [
            SampleEvents.event(0, .purged), SampleEvents.event(1, .purged, tenant: "ACME"),
            SampleEvents.event(2, SampleEvents.discarded()),
            SampleEvents.event(1, SampleEvents.stalled(attempts: 0)),
            SampleEvents.event(1, .stored(SampleEvents.stored(size: -1))),
            SampleEvents.event(1, .stored(SampleEvents.stored(name: String(repeating: "é", count: 1_537)))),
            SampleEvents.event(1, .stored(SampleEvents.stored(sha256: "00"))),
            SampleEvents.event(1, .stored(SampleEvents.stored(objectKey: "acme"))),
            SampleEvents.event(1, .rejected(SampleEvents.rejected(expectedSize: -1))),
            SampleEvents.event(
                1,
                .indexed(IndexedFile(sha256: SampleEvents.sha256, indexedBytes: 0, textKind: "Plain Text"))
            ),
            SampleEvents.event(
                1,
                .deleted(DeletedFile(name: "a", deleteAfter: .init(microsecondsSinceEpoch: .max)))
            ),
        ]
        for event in refused { #expect(throws: EventRefusal.self, "\(event)") { try event.encoded() } }
    }

    @Test func theLargestLegalEventStaysFarBelowThePayloadLimit() throws {
        let name = String(repeating: "\u{1}", count: EventLimits.nameBytes)
        let encoded = try SampleEvents.event(.max, .stored(SampleEvents.stored(name: name, size: .max)))
            .encoded()
        #expect(encoded.payload.count < EventLimits.payloadBytes / 2)
        #expect(
            decode(encoded)
                == .event(SampleEvents.event(.max, .stored(SampleEvents.stored(name: name, size: .max))))
        )
    }

    @Test func textComesBackScalarByScalar() throws {
        for name in ["e\u{301}.txt", "\u{E9}.txt", "a/b\\c\"d", "\u{2028}", "👩‍👩‍👧‍👦", "\u{FEFF}x", "\u{FFFF}"] {
            let encoded = try SampleEvents.event(1, .stored(SampleEvents.stored(name: name))).encoded()
            guard case .event(let event) = decode(encoded), case .stored(let file) = event.detail else {
                Issue.record("unreadable: \(name.debugDescription)")
                continue
            }
            #expect(Array(file.name.unicodeScalars) == Array(name.unicodeScalars))
        }
    }
}

@Suite("Events: bad records become a reason, never a trap")
struct UnreadableEventTests {
    @Test func theRecordMustBeFiledUnderItsOwnFile() throws {
        let encoded = try SampleEvents.all[0].encoded()
        let other = Array("0197a6d2-5c3e-7b41-8f00-2f6a1c9d4e56".utf8)
        for key in [nil, [], other] as [[UInt8]?] {
            let decoded = DecodedEvent(key: key, headers: encoded.headers, payload: encoded.payload)
            #expect(decoded == .unreadable(reason: "the record's key is not the payload's file_id"))
        }
    }

    static let headerCases = [
        ("ce_specversion", "0.3"), ("ce_id", "x.1"), ("ce_source", "/elsewhere"), ("ce_subject", "x"),
        ("ce_type", ""),
        ("ce_time", "noon"), ("ce_id", String(repeating: "i", count: 2_000)),
    ]

    @Test(arguments: headerCases)
    func aWrongHeaderIsUnreadable(_ name: String, _ value: String) throws {
        let encoded = try SampleEvents.all[0].encoded()
        let wrong = encoded.headers.map { $0.name == name ? (name, Array(value.utf8)) : $0 }
        let decoded = DecodedEvent(key: Array(encoded.key.utf8), headers: wrong, payload: encoded.payload)
        guard case .unreadable = decoded else {
            Issue.record("accepted: \(decoded)")
            return
        }
    }

    @Test(arguments: ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject"])
    func aMissingHeaderIsUnreadable(_ name: String) throws {
        let encoded = try SampleEvents.all[0].encoded()
        let decoded = DecodedEvent(
            key: Array(encoded.key.utf8),
            headers: encoded.headers.filter { $0.name != name },
            payload: encoded.payload
        )
        guard case .unreadable(let reason) = decoded else {
            Issue.record("accepted without \(name)")
            return
        }
        #expect(reason.contains(name))
    }

    @Test func aMalformedTraceparentCostsNothingButTheTrace() throws {
        for text in ["", "00-xyz", "00-\(String(repeating: "A", count: 32))-00f067aa0ba902b7-01", "a\r\nb"] {
            let encoded = try SampleEvents.all[0].encoded(traceparent: text)
            #expect(!encoded.headers.contains { $0.name == "traceparent" })
            let headers = encoded.headers + [("traceparent", Array(text.utf8))]
            #expect(try EventEnvelope(headers: headers).traceparent == nil)
        }
        let headers = try SampleEvents.all[0].encoded(traceparent: SampleEvents.traceparent).headers
        #expect(try EventEnvelope(headers: headers).traceparent == SampleEvents.traceparent)
    }

    static let payloads: [[UInt8]?] = [
        nil, [], Array("null".utf8), Array("[]".utf8), Array("7".utf8), Array("{".utf8), [0xFF, 0xFE, 0x00],
        Array(String(repeating: "[", count: 60_000).utf8),
        Array(String(repeating: "{\"a\":", count: 13_000).utf8),
        Array(repeating: 0x20, count: 65_537),
    ]

    @Test(arguments: payloads)
    func nonsenseIsUnreadable(_ payload: [UInt8]?) throws {
        let encoded = try SampleEvents.all[0].encoded()
        let decoded = DecodedEvent(key: Array(encoded.key.utf8), headers: encoded.headers, payload: payload)
        guard case .unreadable = decoded else {
            Issue.record("accepted: \(decoded)")
            return
        }
    }

    @Test(arguments: UInt64(0)..<16)
    func flippedBytesNeverTrapAndNeverChangeTheFile(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for event in SampleEvents.all {
            let encoded = try event.encoded()
            for _ in 0..<40 {
                var payload = encoded.payload
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let index = Int.random(in: payload.indices, using: &random)
                    payload[index] = UInt8.random(in: .min ... .max, using: &random)
                }
                if case .event(let read) = decode(encoded, payload: payload) {
                    #expect(read.key == encoded.key && read.version == encoded.version, "seed \(seed)")
                }
            }
        }
    }
}

extension FileEvent {
    fileprivate var mayLackDigest: Bool { type == .fileStored || type == .fileRestored }
}

func decode(_ encoded: EncodedEvent, payload: [UInt8]? = nil) -> DecodedEvent {
    DecodedEvent(key: Array(encoded.key.utf8), headers: encoded.headers, payload: payload ?? encoded.payload)
}

/// The JSON object with some fields replaced, or removed where the new value is nil.
private func patched(_ payload: [UInt8], _ changes: [String: (any Sendable)?]) -> [UInt8] {
    guard var object = try? JSONSerialization.jsonObject(with: Data(payload)) as? [String: Any] else {
        return []
    }
    for (field, value) in changes { object[field] = value }
    return (try? JSONSerialization.data(withJSONObject: object)).map(Array.init) ?? []
}
