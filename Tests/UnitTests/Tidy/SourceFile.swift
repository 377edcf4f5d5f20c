import Foundation

/// One file of the repository, as the rules see it.
struct SourceFile: Sendable {
    /// From the root of the repository, for example `Shared/Leases/Lease.swift`.
    let path: String
    let text: String
    /// A Swift file without its comments and the insides of its literals; every line keeps its number.
    let code: SwiftCode

    init(_ path: String, _ text: String) {
        self.path = path
        self.text = text
        code = path.hasSuffix(".swift") ? SwiftCode(text) : SwiftCode("")
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The folder under Services, Shared or Tests: by the layout, the target. Nil for files elsewhere.
    var target: String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, ["Services", "Shared", "Tests"].contains(parts[0]) else { return nil }
        return String(parts[1])
    }
}

/// What a rule found.
struct Finding: Hashable, CustomStringConvertible {
    let path: String
    let line: Int
    let what: String

    var description: String { "\(path):\(line): \(what)" }
}

/// Every file people wrote; what a build or a running stack leaves behind is not looked at.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let folders = [".ci", "Services", "Shared", "Tests", "deploy"]

    static let files: [SourceFile] = {
        let inFolders = folders.flatMap { folder in
            let names = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            return (names?.allObjects as? [String] ?? []).map { "\(folder)/\($0)" }
        }
        let atTop = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
        return (atTop + inFolders).sorted().compactMap(file)
    }()

    static let swiftFiles = files.filter(\.isSwift)
    /// Swift files of the product: not tests.
    static let productFiles = swiftFiles.filter { $0.path.hasPrefix("S") }
    static let testFiles = swiftFiles.filter { $0.path.hasPrefix("Tests/") }

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Nil for folders and for what is not text.
    private static func file(_ path: String) -> SourceFile? {
        guard !path.contains("__pycache__"), let text = try? text(of: path) else { return nil }
        return SourceFile(path, text)
    }
}
