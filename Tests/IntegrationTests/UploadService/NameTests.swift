import NIOHTTP1
import TestSupport
import Testing

@testable import UploadService

@Suite("I10 an owner has one visible file of a name")
struct NameTests {
    @Test func theSameNameInAnotherNormalizationFormIsTheSame() async throws {
        try await ServiceUnderTest.run { service in
            let first = try await service.upload("n\u{E9}.txt")
            #expect(first.status == 201)
            let twin = try await service.upload("ne\u{301}.txt")
            #expect(twin.status == 409)
            #expect(twin.code == "FILE_ALREADY_EXISTS")
            #expect(twin.json["message"].text?.hasPrefix("File already exists: n\u{E9}.txt") == true)
            #expect(twin.json["existing_id"].text == first.id)
        }
    }

    @Test func anotherOwnerMayUseItAndADeletedFileFreesIt() async throws {
        try await ServiceUnderTest.run { service in
            let first = try await service.upload("a")
            #expect(try await service.upload("a", as: ServiceUnderTest.bob).status == 201)
            try await service.send(.DELETE, "/api/v1/files/\(first.id)")
            #expect(try await service.upload("a").status == 201)
            let restored = try await service.send(.POST, "/api/v1/files/\(first.id)/restore")
            #expect(restored.status == 409)
            #expect(restored.code == "FILE_ALREADY_EXISTS")
        }
    }
}

@Suite("I31 of concurrent creates of one name exactly one wins")
struct NameRaceTests {
    @Test func sixteenAtOnce() async throws {
        try await ServiceUnderTest.run { service in
            for round in 0..<3 {
                let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
                    for number in 0..<16 {
                        // Half of them write the name in the other normalization form.
                        let name = number.isMultiple(of: 2) ? "\u{E9}-\(round)" : "e\u{301}-\(round)"
                        group.addTask { try await service.upload(name, Array("content \(number)".utf8)) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers.count { $0.status == 201 } == 1)
                #expect(answers.count { $0.status == 409 && $0.code == "FILE_ALREADY_EXISTS" } == 15)
            }
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }
}
