import AccessTokens
import NIOCore
import NIOHTTP1
import Testing

@testable import UploadService

@Suite("I54 nothing tells that another owner's file exists")
struct OwnershipTests {
    @Test func anotherOwnersFileIsAnsweredLikeAnUnknownOne() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("secret-plan.txt").id
            let unknown = "01900000-0000-7000-8000-000000000000"
            let requests: [(HTTPMethod, String)] = [
                (.GET, ""), (.HEAD, ""), (.GET, "/content"), (.HEAD, "/content"), (.DELETE, ""),
                (.DELETE, "?purge=true"),
                (.POST, "/restore"),
            ]
            for token in [ServiceUnderTest.bob, ServiceUnderTest.zoe] {
                for (method, suffix) in requests {
                    let theirs = try await service.send(method, "/api/v1/files/\(id)\(suffix)", as: token)
                    let nobodys = try await service.send(
                        method,
                        "/api/v1/files/\(unknown)\(suffix)",
                        as: token
                    )
                    #expect(theirs.status == 404, "\(method) \(suffix)")
                    #expect(comparable(theirs, id) == comparable(nobodys, unknown), "\(method) \(suffix)")
                }
                let list = try await service.send(
                    .GET,
                    "/api/v1/files?name_prefix=secret&cursor=\(unknown)",
                    as: token
                )
                #expect(list.json["files"].items.isEmpty)
                #expect(
                    try await service.send(.GET, "/api/v1/files?state=deleted", as: token).json["files"].items
                        .isEmpty
                )
                #expect(try await service.upload("secret-plan.txt", as: token).status == 201)
            }
            #expect(try await service.send(.GET, "/api/v1/files/\(id)").json["version"].number == 1)
        }
    }

    /// Swift holds the two spellings for the same text; the database does not, and neither may a reader.
    @Test func twoSpellingsOfANameAreTwoOwners() async throws {
        try await ServiceUnderTest.run { service in
            let spellings = ["Zo\u{EB}", "Zoe\u{308}"]
            for (number, name) in spellings.enumerated() {
                let caller = Caller(tenant: "acme", principal: name, roles: [.user])
                try await TokenStore(service.pool).insert("spelling-\(number)", for: caller)
            }
            let id = try await service.upload("mine.txt", as: "spelling-0").id
            let members: [String: Any] = ["name": "parts.bin", "size": 10_485_760]
            let session = try await service.send(
                .POST,
                SessionClient.path,
                as: "spelling-0",
                body: SessionClient.json(members)
            )
            let sessionID = try #require(session.json["upload_id"].text, "\(session.status)")
            for path in [
                "/api/v1/files/\(id)", "/api/v1/files/\(id)/content", "/api/v1/uploads/\(sessionID)",
            ] {
                #expect(try await service.send(.GET, path, as: "spelling-0").status == 200, "\(path)")
                #expect(try await service.send(.GET, path, as: "spelling-1").status == 404, "\(path)")
            }
        }
    }

    @Test func withoutATokenNothingIsTold() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let requests: [(HTTPMethod, String)] = [
                (.GET, "/api/v1/files"), (.POST, "/api/v1/files?name=x"), (.GET, "/api/v1/files/\(id)"),
                (.GET, "/api/v1/files/\(id)/content"), (.GET, "/api/v1/files/\(id)?unknown=1"),
                (.GET, "/api/v1/files/no-id"), (.HEAD, "/api/v1/files/\(id)"),
                (.HEAD, "/api/v1/files/\(id)/content"),
                (.DELETE, "/api/v1/files/\(id)"),
                (.POST, "/api/v1/files/\(id)/restore"), (.POST, "/api/v1/files/batch-delete"),
            ]
            for (method, path) in requests {
                for token in [nil, "wb_wrong"] {
                    let answer = try await service.send(method, path, as: token)
                    #expect(answer.status == 401, "\(method) \(path)")
                    #expect(answer.fields.first(name: "www-authenticate")?.hasPrefix("Bearer") == true)
                }
            }
            #expect(!service.witness.lines.contains { $0.contains("wb_ann") || $0.contains("wb_wrong") })
        }
    }

    @Test func aRevokedTokenReadsNothingMore() async throws {
        try await ServiceUnderTest.run { service in
            let tokens = TokenStore(service.pool)
            let caller = Caller(tenant: "acme", principal: "leaver", roles: [.user])
            try await tokens.insert("leaked", for: caller)
            let id = try await service.upload("a", as: "leaked").id
            let paths = ["/api/v1/files/\(id)", "/api/v1/files/\(id)/content", "/api/v1/files"]
            for path in paths {
                #expect(try await service.send(.GET, path, as: "leaked").status == 200, "\(path)")
            }
            #expect(try await tokens.revoke("leaked"))
            for path in paths {
                #expect(try await service.send(.GET, path, as: "leaked").status == 401, "\(path)")
            }
        }
    }

    /// What they ask may be one question to the database; what each is told is its own.
    @Test func ofManyReadersAtOnceEachIsToldItsOwn() async throws {
        try await ServiceUnderTest.run { service in
            let anns = try await service.upload("a").id
            let bobs = try await service.upload("b", as: ServiceUnderTest.bob).id
            let expected: [(String, String, Int)] = [
                (ServiceUnderTest.ann, anns, 200), (ServiceUnderTest.bob, anns, 404), ("wb_wrong", anns, 401),
                (ServiceUnderTest.ann, bobs, 404), (ServiceUnderTest.bob, bobs, 200), ("wb_wrong", bobs, 401),
                (ServiceUnderTest.ann, "no-id", 404), ("wb_wrong", "no-id", 401),
            ]
            try await withThrowingTaskGroup(of: Void.self) { readers in
                for (token, id, status) in Array(repeating: expected, count: 8).joined() {
                    readers.addTask {
                        let answer = try await service.send(.GET, "/api/v1/files/\(id)", as: token)
                        #expect(answer.status == status, "\(token) \(id)")
                        if status == 200 { #expect(answer.id == id) }
                    }
                }
                try await readers.waitForAll()
            }
        }
    }

    /// Everything but what names the request itself.
    private func comparable(_ answer: Answer, _ id: String) -> String {
        var lines = answer.text.replacing(id, with: "ID")
        for member in ["instance", "timestamp", "trace_id"] {
            guard let value = answer.json[member].text else { continue }
            lines = lines.replacing(value, with: "*")
        }
        let fields = answer.fields.filter { !["date", "x-request-id"].contains($0.name.lowercased()) }
        return lines + fields.map { "\($0.name): \($0.value)" }.sorted().joined(separator: "\n")
    }
}
