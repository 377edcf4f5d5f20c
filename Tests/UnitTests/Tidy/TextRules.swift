/// Rules about single files.
enum TextRules {
    /// SQL is written where the tables are owned: in a `…Store.swift` (or `…Store+Part.swift`) or `…Schema.swift`, and in the two modules that
    /// are about SQL as a whole.
    static func sqlOutsideItsPlace(_ file: SourceFile) -> [Finding] {
        guard !file.name.contains(/(Store|Store\+\w+|Schema)\.swift$/),
            !file.path.hasPrefix("Shared/PostgresClient/"),
            !file.path.hasPrefix("Shared/TransactionalOutbox/")
        else { return [] }
        return file.code.literals.filter { isSQL($0.text) }.map {
            Finding(path: file.path, line: $0.line, what: "SQL outside a store")
        }
    }

    private static func isSQL(_ text: String) -> Bool {
        text.contains(
            /^\s*(SELECT|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|WITH\s+\w+\s+AS|LOCK\s+TABLE|TRUNCATE|MERGE\s+INTO)\b/
        )
            || text.contains(
                /^\s*(CREATE|ALTER|DROP)\s+(TABLE|INDEX|UNIQUE|SEQUENCE|SCHEMA|VIEW)\b|^\s*(NOTIFY|LISTEN|COPY)\s+\w+/
            )
    }

    /// Whoever switches a check of the compiler off says in a comment above, or on the next line, why that is right.
    static func uncheckedWithoutReason(_ file: SourceFile) -> [Finding] {
        let words = ["@unchecked " + "Sendable", "nonisolated(" + "unsafe)"]
        let lines = file.lines
        return file.code.lines.enumerated().compactMap { number, code in
            guard words.contains(where: code.contains) else { return nil }
            let above = lines[..<min(number, lines.count)].reversed()
            let below = lines.dropFirst(number + 1).prefix(1)
            let comment = above.prefix(while: isComment) + below.filter(isComment)
            guard !comment.contains(where: { $0.contains("Sendable") || !code.contains(words[0]) }) else {
                return nil
            }
            return Finding(path: file.path, line: number + 1, what: "switches a check off without a reason")
        }
    }

    private static func isComment(_ line: Substring) -> Bool { line.drop { $0 == " " }.hasPrefix("//") }

    /// Words that say "not finished", and paths that exist on one machine only.
    static func leftovers(_ file: SourceFile) -> [Finding] {
        // Put together here so that this file does not find itself.
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "W" + "IP"]
        let paths = ["/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/"]
        return file.lines.enumerated().flatMap { number, line in
            let found =
                words.filter { line.split { !$0.isLetter }.contains(Substring($0)) }
                + paths.filter { startsPath($0, in: line) }
            return found.map { Finding(path: file.path, line: number + 1, what: $0) }
        }
    }

    /// A path from the root of the file system, not the middle of a longer one or of a URL.
    private static func startsPath(_ path: String, in line: Substring) -> Bool {
        line.ranges(of: path).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !(before.isLetter || before.isNumber || ")}>$_-.*/".contains(before))
        }
    }

    /// A script names its interpreter, and one for plain sh uses nothing that only bash has.
    static func scriptTrouble(_ file: SourceFile) -> [Finding] {
        guard isScript(file) else { return [] }
        let first = file.lines.first ?? ""
        switch first {
        case "#!/bin/bash", "#!/usr/bin/env bash", "# shellcheck shell=bash", "#!/usr/bin/env python3":
            return []
        case "#!/bin/sh": break
        default: return [Finding(path: file.path, line: 1, what: "names no interpreter")]
        }
        let bashOnly =
            /\[\[|\(\(|<<<|<\(|\bfunction \w|\blocal\b|\bdeclare\b|\bpipefail\b|\bsource\b|\w+=\(|\$\{\w+\[|&>/
        return file.lines.enumerated().dropFirst().compactMap { number, line in
            guard !line.drop(while: { $0 == " " }).hasPrefix("#"), line.contains(bashOnly) else { return nil }
            return Finding(path: file.path, line: number + 1, what: "needs bash, but says sh")
        }
    }

    /// Under deploy/ and .ci/: files without an extension, and *.sh.
    private static func isScript(_ file: SourceFile) -> Bool {
        guard file.path.hasPrefix("deploy/") || file.path.hasPrefix(".ci/") else { return false }
        return !file.name.contains(".") && file.name != "Dockerfile" || file.name.hasSuffix(".sh")
    }
}
