import AccessTokens
import AuditTrail
import IdempotentInbox
import Leases
import PostgresClient
import SagaEngine
import ServiceParts
import TransactionalOutbox

/// The tables of this service's database.
enum Schema {
    /// Applied ones never change: a correction is a new migration at the end.
    static let migrations = [
        Migration(number: 1, name: "access_tokens", sql: TokenStore.schema),
        Migration(number: 2, name: "outbox", sql: OutboxSchema.version1),
        Migration(number: 3, name: "inbox", sql: InboxSchema.version1),
        Migration(number: 4, name: "sagas", sql: SagaSchema.version1),
        Migration(number: 5, name: "leases", sql: LeaseStore.schema),
        Migration(number: 6, name: "files", sql: text(PackageResources.m0001_files_sql)),
        Migration(number: 7, name: "parked_replay", sql: InboxSchema.version2),
        Migration(number: 8, name: "saga_trace", sql: SagaSchema.version2),
        Migration(number: 9, name: "deployment", sql: BucketIdentity.schema),
        Migration(number: 10, name: "deployment_mark", sql: BucketIdentity.schemaOfMark),
        Migration(number: 11, name: "file_digests", sql: text(PackageResources.m0002_file_digests_sql)),
        Migration(number: 12, name: "upload_sessions", sql: text(PackageResources.m0003_upload_sessions_sql)),
        Migration(
            number: 13,
            name: "idempotency_keys",
            sql: text(PackageResources.m0004_idempotency_keys_sql)
        ),
        Migration(number: 14, name: "consistency", sql: text(PackageResources.m0005_consistency_sql)),
        Migration(number: 15, name: "repairs", sql: text(PackageResources.m0006_repairs_sql)),
        Migration(number: 16, name: "audit", sql: AuditTrail.schema),
        Migration(
            number: 17,
            name: "publication",
            sql: OutboxSchema.version2 + text(PackageResources.m0007_publication_sql)
        ),
        Migration(number: 18, name: "incarnation", sql: SafeMode.schema),
        Migration(number: 19, name: "rounds", sql: text(PackageResources.m0009_rounds_sql)),
        Migration(number: 20, name: "quotas", sql: text(PackageResources.m0010_quotas_sql)),
        Migration(
            number: 21,
            name: "check_ledgers",
            sql: OutboxSchema.version3 + text(PackageResources.m0013_check_ledgers_sql)
        ),
        Migration(
            number: 22,
            name: "clock",
            sql: SafeMode.schemaOfClock + text(PackageResources.m0011_sightings_sql)
        ),
        Migration(number: 23, name: "check_epochs", sql: text(PackageResources.m0014_check_epochs_sql)),
        Migration(number: 24, name: "name_lookup", sql: text(PackageResources.m0015_name_lookup_sql)),
        Migration(number: 25, name: "outbox_ids", sql: OutboxSchema.version4),
        Migration(number: 26, name: "outbox_tick_ids", sql: OutboxSchema.version5),
        Migration(number: 27, name: "quota_charges", sql: text(PackageResources.m0016_quota_charges_sql)),
        Migration(number: 28, name: "row_checks", sql: text(PackageResources.m0017_row_checks_sql)),
        Migration(number: 29, name: "valid_rows", sql: text(PackageResources.m0018_valid_rows_sql)),
        Migration(number: 30, name: "row_digest", sql: text(PackageResources.m0019_row_digest_sql)),
    ]

    private static func text(_ resource: [UInt8]) -> String { String(decoding: resource, as: UTF8.self) }
}
