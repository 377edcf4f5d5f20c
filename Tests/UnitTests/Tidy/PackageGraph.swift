/// The package's own targets as Package.swift declares them.
struct PackageGraph: Sendable {
    /// Target → the targets of this package it may import.
    let dependencies: [String: Set<String>]

    /// Reads calls such as `shared("Leases", ["Determinism"])` and `.target(name: "CChecksums", …)`.
    init(manifest: String) {
        guard let start = manifest.firstRange(of: "    targets: [\n") else {
            dependencies = [:]
            return
        }
        let declarations = Self.declarations(manifest[start.upperBound...])
        let names = Set(declarations.compactMap(\.first))
        let everything = Set(Self.literals(Self.block(after: "let everything", in: manifest[...])))
        dependencies = Dictionary(
            declarations.compactMap { literals in
                literals.first.map { name in
                    let own = name.hasSuffix("Tests") ? everything : Set(literals.dropFirst())
                    return (name, own.intersection(names).subtracting([name]))
                }
            },
            uniquingKeysWith: { $0.union($1) }
        )
    }

    /// The string literals of every declaration, its name first.
    private static func declarations(_ text: Substring) -> [[String]] {
        let opening = /\b(shared|program|library|tests|target|executableTarget|testTarget)\(/
        return text.matches(of: opening).map { literals(balanced(text[$0.range.upperBound...])) }
            .filter { !$0.isEmpty }
    }

    /// Up to the parenthesis that closes what was opened before `text`.
    private static func balanced(_ text: Substring) -> Substring {
        var depth = 1
        return text.prefix { character in
            if "([".contains(character) { depth += 1 }
            if ")]".contains(character) { depth -= 1 }
            return depth > 0
        }
    }

    private static func block(after words: String, in text: Substring) -> Substring {
        guard let range = text.firstRange(of: words),
            let open = text[range.upperBound...].firstRange(of: "= [")
        else { return "" }
        return balanced(text[open.upperBound...])
    }

    private static func literals(_ text: Substring) -> [String] {
        // Names of products and packages hold dots, slashes or lower-case words; targets are plain names.
        text.matches(of: /"([A-Za-z0-9]+)"/).map { String($0.output.1) }
    }
}

/// Which way arrows may point: from a later layer to an earlier one, never within a layer.
enum Layers {
    static let order: [Set<String>] = [
        ["CAllocator", "CChecksums", "CDevBrokerPort", "CLibpq", "COpenSSL", "CRdkafka"],
        ["Determinism", "FaultPoints", "SortedJSON"],
        ["Correlation"],
        ["EventContracts"],
        ["Digests", "PostgresClient", "KafkaClient"],
        ["ObjectStore"],
        ["TransactionalOutbox", "IdempotentInbox", "SagaEngine", "Leases", "AccessTokens", "AuditTrail"],
        ["EventBinding", "IdempotentConsumer", "ServiceBootstrap"],
        ["HTTPServing"],
        ["ServiceSettings"],
        ["ServiceParts"],
        ["UploadService", "OutboxRelay", "IndexerService", "WaybillCLI", "DevBroker", "DevStore"],
        ["Benchmarks", "Guards", "TestSupport"],
        ["UnitTests", "IntegrationTests", "FaultTests", "EndToEndTests"],
    ]

    /// What a target may not reach, beyond its layer.
    static let barriers: [(targets: Set<String>, never: Set<String>, reason: String)] = [
        (
            ["TransactionalOutbox", "IdempotentInbox", "SagaEngine", "Leases", "AccessTokens", "AuditTrail"],
            ["KafkaClient", "ObjectStore", "HTTPServing", "EventContracts"],
            "mechanisms know PostgreSQL only"
        ),
        (["OutboxRelay"], ["EventContracts", "EventBinding"], "the relay never decodes an event"),
    ]

    static func findings(_ graph: PackageGraph) -> [String] {
        graph.dependencies.sorted { $0.key < $1.key }.flatMap { name, dependencies in
            guard let own = layer(of: name) else { return ["\(name) is in no layer"] }
            let upward = dependencies.filter { (layer(of: $0) ?? .max) >= own }
            let barred = barriers.filter { $0.targets.contains(name) }.flatMap { barrier in
                dependencies.intersection(barrier.never).map { "\(name) → \($0): \(barrier.reason)" }
            }
            return upward.sorted().map { "\(name) → \($0) does not point down" } + barred.sorted()
        }
    }

    private static func layer(of target: String) -> Int? { order.firstIndex { $0.contains(target) } }
}

enum ImportRules {
    /// C libraries, and who alone may import each.
    static let importersOfC: [String: Set<String>] = [
        "CAllocator": ["ServiceBootstrap"],
        "CLibpq": ["PostgresClient", "Benchmarks"],
        "COpenSSL": ["Digests"],
        "CChecksums": ["Digests", "UnitTests"],
        "CDevBrokerPort": ["DevBroker"],
        // The development broker and the broker of tests are librdkafka's own mock cluster.
        "CRdkafka": ["KafkaClient", "DevBroker", "IntegrationTests", "Benchmarks"],
    ]

    /// Imports of this package's modules that Package.swift does not allow, and C modules in the wrong hands.
    static func findings(_ file: SourceFile, _ graph: PackageGraph) -> [Finding] {
        guard let target = file.target else { return [] }
        return imports(file).compactMap { line, module in
            if let importers = importersOfC[module], !importers.contains(target) {
                return Finding(
                    path: file.path,
                    line: line,
                    what: "\(module) is imported by its one target only"
                )
            }
            guard graph.dependencies[module] != nil, graph.dependencies[target]?.contains(module) != true,
                importersOfC[module] == nil
            else { return nil }
            return Finding(path: file.path, line: line, what: "\(target) does not declare \(module)")
        }
    }

    private static func imports(_ file: SourceFile) -> [(line: Int, module: String)] {
        let pattern =
            /^\s*(?:@\w+\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(?:struct\s+|class\s+|enum\s+|func\s+|protocol\s+|var\s+)?(\w+)/
        return file.code.lines.enumerated().compactMap { number, line in
            line.firstMatch(of: pattern).map { (number + 1, String($0.output.1)) }
        }
    }
}
