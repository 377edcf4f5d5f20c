public import HTTPServing
public import ObjectStore
public import PostgresClient
public import ServiceBootstrap

/// The settings that more than one program has, read the same way everywhere.
extension SettingsReader {
    /// `WAYBILL_DATABASE_URL`, `WAYBILL_DATABASE_CONNECTIONS`.
    public mutating func database(application: String) -> PostgresSettings {
        var settings = PostgresSettings(
            conninfo: secret("WAYBILL_DATABASE_URL").reveal(),
            applicationName: application
        )
        settings.connectionLimit = integer("WAYBILL_DATABASE_CONNECTIONS", default: 16, in: 2...1_000)
        return settings
    }

    /// `WAYBILL_HTTP_HOST`, `WAYBILL_HTTP_PORT`, `WAYBILL_PORT_FILE`.
    public mutating func httpServer(defaultPort: Int) -> HTTPServerSettings {
        HTTPServerSettings(
            host: text("WAYBILL_HTTP_HOST", default: "127.0.0.1"),
            port: integer("WAYBILL_HTTP_PORT", default: defaultPort, in: 0...65_535),
            portFile: optionalText("WAYBILL_PORT_FILE")
        )
    }

    /// `KAFKA_BROKERS`, and `KAFKA_SETTINGS` with any setting librdkafka knows: `name=value;name=value`.
    public mutating func kafka() -> [String: String] {
        var entries = ["bootstrap.servers": text("KAFKA_BROKERS")]
        for pair in (optionalText("KAFKA_SETTINGS") ?? "").split(separator: ";") {
            guard let equals = pair.firstIndex(of: "=") else {
                report("KAFKA_SETTINGS must be name=value;name=value; there is no = in one of them")
                continue
            }
            let name = String(pair[..<equals])
            guard !Self.reservedKafkaSettings.contains(name.lowercased()) else {
                report("KAFKA_SETTINGS must not set \(name): what Waybill promises of its events rests on it")
                continue
            }
            entries[name] = String(pair[pair.index(after: equals)...])
        }
        return entries
    }

    /// With another value of these, events could be lost, repeated without end, or overtake each other in silence.
    private static let reservedKafkaSettings: Set<String> = [
        "acks", "request.required.acks", "enable.idempotence", "enable.gapless.guarantee",
        "message.timeout.ms", "delivery.timeout.ms", "partitioner", "auto.offset.reset",
        "enable.auto.offset.store", "isolation.level",
        "group.id",
    ]

    /// `S3_PRESIGN_ACCESS_KEY_ID` and `S3_PRESIGN_SECRET_ACCESS_KEY`, both or neither; `S3_PUBLIC_ENDPOINT`.
    public mutating func presigning() -> S3Presigning {
        let keyID = optionalText("S3_PRESIGN_ACCESS_KEY_ID")
        let secretKey = secret("S3_PRESIGN_SECRET_ACCESS_KEY", default: "").reveal()
        if (keyID == nil) != secretKey.isEmpty {
            report("S3_PRESIGN_ACCESS_KEY_ID and S3_PRESIGN_SECRET_ACCESS_KEY are set both or neither")
        }
        let endpoint = url("S3_PUBLIC_ENDPOINT", default: "", schemes: ["http", "https"])
        return S3Presigning(
            credentials: keyID.map { S3Credentials(accessKeyID: $0, secretAccessKey: secretKey) },
            endpoint: endpoint.isEmpty ? nil : endpoint
        )
    }

    /// `S3_ENDPOINT`, `S3_BUCKET`, `S3_ADDRESSING`, `S3_PROFILE`, `S3_OBJECT_BYTE_LIMIT`, `S3_CONNECTIONS`, `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`.
    public mutating func objectStore() -> S3Settings {
        let credentials = S3Credentials(
            accessKeyID: text("AWS_ACCESS_KEY_ID"),
            secretAccessKey: secret("AWS_SECRET_ACCESS_KEY").reveal(),
            sessionToken: optionalText("AWS_SESSION_TOKEN")
        )
        var profile = choice("S3_PROFILE", default: StoreProfileName.minio).profile
        profile.objectSizeLimit = bytes(
            "S3_OBJECT_BYTE_LIMIT",
            default: profile.objectSizeLimit,
            in: 1...(profile.partSizeLimit * Int64(profile.partCountLimit))
        )
        let addressing = choice("S3_ADDRESSING", default: AddressingName.path)
        return S3Settings(
            endpoint: url("S3_ENDPOINT", schemes: ["http", "https"]),
            region: text("AWS_REGION", default: "us-east-1"),
            bucket: text("S3_BUCKET"),
            credentials: credentials,
            addressing: addressing == .path ? .path : .virtualHost,
            profile: profile,
            connectionLimit: integer("S3_CONNECTIONS", default: 256, in: 8...10_000)
        )
    }
}

private enum AddressingName: String, CaseIterable {
    case path
    case virtualHost = "virtual-host"
}

/// The stores whose ways are known.
private enum StoreProfileName: String, CaseIterable {
    case minio, aws, radosgw, devstore

    var profile: StoreProfile {
        var profile = StoreProfile()
        profile.checksumsEnforced = self != .radosgw
        // What was damaged on its way is refused where the store can tell, and found by the indexer where it cannot.
        if profile.checksumsEnforced { profile.streamSigning = .unsignedTrailer(.crc32c) }
        profile.partChecksumsAnnounced = self == .aws
        profile.conditionalWritesEnforced = self == .aws || self == .devstore
        if self == .aws { profile.objectSizeLimit = StoreProfile.awsObjectSizeLimit }
        return profile
    }
}
