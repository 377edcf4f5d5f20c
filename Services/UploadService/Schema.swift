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
        Migration(
            number: 6,
            name: "files",
            sql: String(decoding: PackageResources.m0001_files_sql, as: UTF8.self)
        ),
        Migration(number: 7, name: "parked_replay", sql: InboxSchema.version2),
        Migration(number: 8, name: "saga_trace", sql: SagaSchema.version2),
        Migration(number: 9, name: "deployment", sql: BucketIdentity.schema),
        Migration(number: 10, name: "deployment_mark", sql: BucketIdentity.schemaOfMark),
        Migration(
            number: 11,
            name: "file_digests",
            sql: String(decoding: PackageResources.m0002_file_digests_sql, as: UTF8.self)
        ),
        Migration(
            number: 12,
            name: "upload_sessions",
            sql: String(decoding: PackageResources.m0003_upload_sessions_sql, as: UTF8.self)
        ),
        Migration(
            number: 13,
            name: "idempotency_keys",
            sql: String(decoding: PackageResources.m0004_idempotency_keys_sql, as: UTF8.self)
        ),
        Migration(
            number: 14,
            name: "consistency",
            sql: String(decoding: PackageResources.m0005_consistency_sql, as: UTF8.self)
        ),
        Migration(
            number: 15,
            name: "repairs",
            sql: String(decoding: PackageResources.m0006_repairs_sql, as: UTF8.self)
        ),
        Migration(number: 16, name: "audit", sql: AuditTrail.schema),
        Migration(
            number: 17,
            name: "publication",
            sql: OutboxSchema.version2
                + String(decoding: PackageResources.m0007_publication_sql, as: UTF8.self)
        ),
        Migration(number: 18, name: "incarnation", sql: SafeMode.schema),
        Migration(
            number: 19,
            name: "rounds",
            sql: String(decoding: PackageResources.m0009_rounds_sql, as: UTF8.self)
        ),
        Migration(
            number: 20,
            name: "quotas",
            sql: String(decoding: PackageResources.m0010_quotas_sql, as: UTF8.self)
        ),
        Migration(
            number: 21,
            name: "check_ledgers",
            sql: OutboxSchema.version3
                + String(decoding: PackageResources.m0013_check_ledgers_sql, as: UTF8.self)
        ),
        Migration(
            number: 22,
            name: "clock",
            sql: SafeMode.schemaOfClock
                + String(decoding: PackageResources.m0011_sightings_sql, as: UTF8.self)
        ),
        Migration(
            number: 23,
            name: "check_epochs",
            sql: String(decoding: PackageResources.m0014_check_epochs_sql, as: UTF8.self)
        ),
        Migration(
            number: 24,
            name: "name_lookup",
            sql: String(decoding: PackageResources.m0015_name_lookup_sql, as: UTF8.self)
        ),
        Migration(number: 25, name: "outbox_ids", sql: OutboxSchema.version4),
        Migration(number: 26, name: "outbox_tick_ids", sql: OutboxSchema.version5),
        Migration(
            number: 27,
            name: "quota_charges",
            sql: String(decoding: PackageResources.m0016_quota_charges_sql, as: UTF8.self)
        ),
        Migration(
            number: 28,
            name: "row_checks",
            sql: String(decoding: PackageResources.m0017_row_checks_sql, as: UTF8.self)
        ),
        Migration(
            number: 29,
            name: "valid_rows",
            sql: String(decoding: PackageResources.m0018_valid_rows_sql, as: UTF8.self)
        ),
    ]
}
