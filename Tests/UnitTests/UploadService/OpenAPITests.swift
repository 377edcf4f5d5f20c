import Foundation
import HTTPServing
import Testing

@testable import UploadService

/// openapi.yaml, read line by line: enough of YAML for what is compared here.
private struct OpenAPIDocument {
    let lines: [Substring]

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "Shared/EventContracts/Specs/openapi.yaml")
        lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    }

    /// `GET /path` for every operation.
    var operations: Set<String> {
        var operations: Set<String> = []
        var path = ""
        for line in section("paths:") {
            if line.hasPrefix("  /") { path = String(line.trimmingCharacters(in: .whitespaces).dropLast()) }
            for method in ["get", "post", "put", "delete", "patch"] where line.hasPrefix("    \(method):") {
                operations.insert("\(method.uppercased()) \(path)")
            }
        }
        return operations
    }

    /// The list of error codes.
    var errorCodes: [String] {
        guard let start = lines.firstIndex(of: "    ErrorCode:") else { return [] }
        return lines[start...].dropFirst().prefix { $0.hasPrefix("     ") }.filter { $0.contains("- ") }
            .map { $0.trimmingCharacters(in: .whitespaces).replacing("- ", with: "") }
    }

    private func section(_ name: Substring) -> ArraySlice<Substring> {
        guard let start = lines.firstIndex(of: name) else { return [] }
        return lines[(start + 1)...].prefix { $0.hasPrefix(" ") }
    }
}

@Suite struct OpenAPITests {
    /// Served by another program, which has no router here.
    private static let elsewhere: Set = [
        "GET /api/v1/search", "GET /api/v1/index/entries", "GET /api/v1/index/entries/{id}",
    ]

    @Test func everyRouteIsDescribedAndNothingElse() throws {
        let described = try OpenAPIDocument().operations
        #expect(described.subtracting(Self.elsewhere) == Set(try UploadRoutes.all()))
        #expect(Self.elsewhere.isSubset(of: described))
    }

    @Test func everyErrorCodeIsListedOnce() throws {
        let listed = try OpenAPIDocument().errorCodes
        #expect(Set(listed).count == listed.count)
        #expect(Set(ErrorCode.allCases.map(\.rawValue)).subtracting(listed).isEmpty)
        let shared = try Self.codes(under: ["Shared/HTTPServing", "Services/IndexerService"])
        let own = Set(ErrorCode.allCases.map(\.rawValue))
        #expect(shared.union(own) == Set(listed))
    }

    /// `code: "…"` in the sources: the codes of parts that have no list of them.
    private static func codes(under folders: [String]) throws -> Set<String> {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        var codes: Set<String> = []
        for folder in folders {
            let files = FileManager.default.enumerator(
                at: root.appending(path: folder),
                includingPropertiesForKeys: nil
            )
            for case let file as URL in files ?? .init() where file.pathExtension == "swift" {
                let text = try String(contentsOf: file, encoding: .utf8)
                codes.formUnion(text.matches(of: #/code(?::| =) "([A-Z_]+)"/#).map { String($0.output.1) })
            }
        }
        return codes
    }
}
