import ObjectStore
import ServiceBootstrap
import ServiceSettings
import Testing

@Suite("Settings of the object store")
struct StoreSettingsTests {
    private let least = [
        "S3_ENDPOINT": "http://store:9000", "S3_BUCKET": "waybill", "AWS_ACCESS_KEY_ID": "own",
        "AWS_SECRET_ACCESS_KEY": "hush",
    ]

    private func profile(_ more: [String: String]) throws -> StoreProfile {
        var reader = SettingsReader(environment: least.merging(more) { $1 })
        let settings = reader.objectStore()
        try reader.finish()
        return settings.profile
    }

    @Test("the largest object is the profile's, or what the operator says of the store")
    func objectLimit() throws {
        #expect(try profile([:]).objectSizeLimit == 5 << 40)
        #expect(try profile(["S3_PROFILE": "aws"]).objectSizeLimit == 53_656_167_435_468)
        #expect(try profile(["S3_OBJECT_BYTE_LIMIT": "48TiB"]).objectSizeLimit == 48 << 40)
        #expect(throws: ConfigurationError.self) { try profile(["S3_OBJECT_BYTE_LIMIT": "49TiB"]) }
    }

    private func presigning(_ environment: [String: String]) throws -> S3Presigning {
        var reader = SettingsReader(environment: environment)
        let presigning = reader.presigning()
        try reader.finish()
        return presigning
    }

    @Test("URLs are made with the service's own key and address unless others are set")
    func presigning() throws {
        let none = try presigning([:])
        #expect(none.credentials == nil && none.endpoint == nil)
        let own = try presigning([
            "S3_PRESIGN_ACCESS_KEY_ID": "put-only", "S3_PRESIGN_SECRET_ACCESS_KEY": "hush",
            "S3_PUBLIC_ENDPOINT": "https://files.example",
        ])
        #expect(own.credentials?.accessKeyID == "put-only" && own.endpoint == "https://files.example")
    }

    @Test(
        "half a key, or no address, is told",
        arguments: [
            ["S3_PRESIGN_ACCESS_KEY_ID": "a"], ["S3_PRESIGN_SECRET_ACCESS_KEY": "hush"],
            ["S3_PUBLIC_ENDPOINT": "files.example"], ["S3_PUBLIC_ENDPOINT": "ftp://files.example"],
        ]
    )
    func mistakes(environment: [String: String]) {
        #expect { try presigning(environment) } throws: { error in
            guard let problems = (error as? ConfigurationError)?.problems else { return false }
            return problems.count == 1 && !"\(problems)".contains("hush")
        }
    }
}
