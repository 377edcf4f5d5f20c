// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: language mode 6, and the upcoming features that make imports and existentials explicit.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1: Target.Dependency = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func shared(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Shared/\(name)",
        exclude: exclude,
        swiftSettings: strict
    )
}

func program(
    _ name: String,
    in folder: String = "Services",
    _ dependencies: [Target.Dependency],
    exclude: [String] = [],
    resources: [Resource] = []
) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: "\(folder)/\(name)",
        exclude: exclude,
        resources: resources,
        swiftSettings: strict
    )
}

func library(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
    .systemLibrary(name: name, path: "Shared/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

/// What a test may look into: all of it.
let everything: [Target.Dependency] = [
    "AccessTokens", "AuditTrail", "Benchmarks", "CChecksums", "Correlation", "Determinism", "DevStore",
    "Digests", "EventBinding", "EventContracts", "FaultPoints", "HTTPServing", "IdempotentConsumer",
    "IdempotentInbox", "IndexerService", "KafkaClient", "Leases", "ObjectStore", "OutboxRelay",
    "PostgresClient", "SagaEngine", "ServiceBootstrap", "ServiceParts", "ServiceSettings", "SortedJSON",
    "TestSupport",
    "TransactionalOutbox", "UploadService", "WaybillCLI",
    asyncHTTPClient, httpTypes, hummingbird, hummingbirdCore, lifecycle, logging, nioCore, nioHTTP1, nioPosix,
]

func tests(_ name: String, exclude: [String] = []) -> Target {
    .testTarget(
        name: name,
        dependencies: everything,
        exclude: exclude,
        swiftSettings: strict
    )
}

let package = Package(
    name: "waybill",
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
    ],
    targets: [
        // C libraries, each imported by exactly one target
        library("CLibpq", "libpq", "libpq-dev"),
        library("CRdkafka", "rdkafka", "librdkafka-dev"),
        library("COpenSSL", "openssl", "libssl-dev"),
        .target(name: "CDevBrokerPort", path: "Shared/CDevBrokerPort"),
        .target(name: "CAllocator", path: "Shared/CAllocator"),

        // Vocabulary: depends on nothing
        shared("Determinism"),
        shared("Correlation", ["Determinism"]),
        shared("EventContracts", ["Correlation", "Determinism", "SortedJSON"], exclude: ["Specs"]),
        shared("FaultPoints"),
        shared("SortedJSON"),

        // Adapters: each hides one outside system
        // Checksums are C so that a debug build is as fast as a release build.
        .target(name: "CChecksums", path: "Shared/CChecksums", cSettings: [.unsafeFlags(["-O2"])]),
        shared("Digests", ["CChecksums", "COpenSSL"]),
        shared("PostgresClient", ["CLibpq", "Determinism", logging, lifecycle]),
        shared("KafkaClient", ["CRdkafka", "Determinism", logging]),
        shared(
            "ObjectStore",
            ["Determinism", "Digests", asyncHTTPClient, nioCore, nioHTTP1, nioPosix, logging]
        ),

        // Mechanisms: PostgreSQL only, no Kafka, no HTTP
        shared("TransactionalOutbox", ["Determinism", "PostgresClient", lifecycle]),
        shared("IdempotentInbox", ["Determinism", "PostgresClient"]),
        shared(
            "SagaEngine",
            ["Correlation", "Determinism", "FaultPoints", "PostgresClient", lifecycle, logging]
        ),
        shared("Leases", ["Determinism", "PostgresClient"]),
        shared("AccessTokens", ["Determinism", "Digests", "PostgresClient"]),
        shared("AuditTrail", ["Determinism", "Digests", "PostgresClient", "SortedJSON"]),
        shared(
            "EventBinding",
            ["Correlation", "EventContracts", "IdempotentInbox", "PostgresClient", "TransactionalOutbox"]
        ),
        shared(
            "IdempotentConsumer",
            [
                "Determinism", "FaultPoints", "IdempotentInbox", "KafkaClient", "PostgresClient", lifecycle,
                logging,
            ]
        ),

        // The frame every program stands in
        shared(
            "ServiceBootstrap",
            [
                "CAllocator", "Correlation", "Determinism", "PostgresClient", logging, lifecycle, signals,
                nioCore,
            ]
        ),
        shared(
            "HTTPServing",
            [
                "AccessTokens", "Correlation", "Determinism", "ServiceBootstrap",
                hummingbird, hummingbirdCore, httpTypes, lifecycle, logging,
                nioCore, nioHTTP1, nioHTTPTypes, nioHTTPTypesHTTP1, nioPosix,
            ]
        ),
        shared(
            "ServiceSettings",
            [
                "Determinism", "FaultPoints", "HTTPServing", "ObjectStore", "PostgresClient",
                "ServiceBootstrap",
            ]
        ),

        // What both services run beside their own work
        shared(
            "ServiceParts",
            [
                "AccessTokens", "AuditTrail", "Determinism", "HTTPServing", "IdempotentConsumer",
                "IdempotentInbox", "KafkaClient", "Leases", "ObjectStore", "PostgresClient",
                "SagaEngine", "ServiceBootstrap", "ServiceSettings", "TransactionalOutbox",
                httpTypes, hummingbird, lifecycle, logging, nioCore,
            ]
        ),

        program(
            "UploadService",
            [
                "AccessTokens", "AuditTrail", "Correlation", "Determinism", "Digests", "EventBinding",
                "EventContracts", "FaultPoints", "HTTPServing", "IdempotentConsumer", "IdempotentInbox",
                "KafkaClient", "Leases", "ObjectStore", "PostgresClient", "SagaEngine", "ServiceBootstrap",
                "ServiceParts", "ServiceSettings", "SortedJSON", "TransactionalOutbox", asyncHTTPClient,
                hummingbird, httpTypes, lifecycle, logging, nioCore,
            ],
            resources: [.embedInCode("Migrations")]
        ),
        program(
            "OutboxRelay",
            [
                "Determinism", "FaultPoints", "HTTPServing", "KafkaClient", "Leases", "PostgresClient",
                "ServiceBootstrap", "ServiceSettings", "TransactionalOutbox", lifecycle, logging,
            ]
        ),
        program(
            "IndexerService",
            [
                "AccessTokens", "AuditTrail", "Correlation", "Determinism", "Digests", "EventBinding",
                "EventContracts", "FaultPoints", "HTTPServing", "IdempotentConsumer", "IdempotentInbox",
                "KafkaClient", "Leases", "ObjectStore", "PostgresClient", "SagaEngine", "ServiceBootstrap",
                "ServiceParts", "ServiceSettings", "SortedJSON", "TransactionalOutbox", hummingbird,
                httpTypes, lifecycle, logging, nioCore,
            ],
            resources: [.embedInCode("Migrations")]
        ),
        program(
            "WaybillCLI",
            [
                "AccessTokens", "AuditTrail", "Determinism", "Digests", "IdempotentInbox", "ObjectStore",
                "PostgresClient", "SagaEngine", "ServiceBootstrap", "SortedJSON", "TransactionalOutbox",
                arguments, asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix, signals,
            ]
        ),
        program("DevBroker", ["CDevBrokerPort", "CRdkafka"]),
        program(
            "DevStore",
            [
                "Determinism", "Digests", "ServiceBootstrap", hummingbirdCore, httpTypes, lifecycle, logging,
                nioCore, nioPosix, signals,
            ]
        ),

        .systemLibrary(name: "CSpawn", path: "Tests/CSpawn"),
        .target(
            name: "TestSupport",
            dependencies: [
                "AccessTokens", "CSpawn", "Determinism", "Digests", "EventContracts", "FaultPoints",
                "KafkaClient", "Leases", "ObjectStore", "PostgresClient", "SagaEngine", "ServiceBootstrap",
                "ServiceParts", "TransactionalOutbox", asyncHTTPClient, logging, nioCore, nioHTTP1,
            ],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        program(
            "Benchmarks",
            in: "Tests",
            [
                "AccessTokens", "CLibpq", "CRdkafka", "Determinism", "Digests", "EventContracts",
                "ObjectStore", "PostgresClient", "ServiceBootstrap", "TransactionalOutbox", httpTypes,
                hummingbird, logging, nioCore,
            ],
            exclude: ["boto3_baselines.py"]
        ),
        program(
            "Guards",
            in: "Tests",
            ["Determinism", "Digests", "EventContracts", "ObjectStore", "PostgresClient", nioCore]
        ),
        tests("UnitTests"),
        tests("IntegrationTests"),
        tests("FaultTests"),
        tests("EndToEndTests", exclude: ["foreign_clients.py", "s3_conformance.py"]),
    ]
)
