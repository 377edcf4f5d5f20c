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

    @Test func withoutATokenNothingIsTold() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let requests: [(HTTPMethod, String)] = [
                (.GET, "/api/v1/files"), (.POST, "/api/v1/files?name=x"), (.GET, "/api/v1/files/\(id)"),
                (.GET, "/api/v1/files/\(id)/content"), (.DELETE, "/api/v1/files/\(id)"),
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
