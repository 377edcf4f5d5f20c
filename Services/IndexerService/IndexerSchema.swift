import AccessTokens
import AuditTrail
import IdempotentInbox
import Leases
import PostgresClient
import SagaEngine
import ServiceParts
import TransactionalOutbox

/// The indexer's database, as a list. Applied entries never change; a correction is a new entry.
enum IndexerSchema {
    static let migrations = [
        Migration(number: 1, name: "access_tokens", sql: TokenStore.schema),
        Migration(number: 2, name: "outbox", sql: OutboxSchema.version1),
        Migration(number: 3, name: "inbox", sql: InboxSchema.version1),
        Migration(number: 4, name: "sagas", sql: SagaSchema.version1),
        Migration(number: 5, name: "leases", sql: LeaseStore.schema),
        Migration(
            number: 6,
            name: "documents",
            sql: String(decoding: PackageResources.m0001_documents_sql, as: UTF8.self)
        ),
        Migration(number: 7, name: "parked_replay", sql: InboxSchema.version2),
        Migration(number: 8, name: "saga_trace", sql: SagaSchema.version2),
        Migration(number: 9, name: "deployment", sql: BucketIdentity.schema),
        Migration(
            number: 10,
            name: "trash",
            sql: String(decoding: PackageResources.m0002_trash_sql, as: UTF8.self)
        ),
        Migration(number: 11, name: "audit", sql: AuditTrail.schema + OutboxSchema.version2),
        Migration(number: 12, name: "incarnation", sql: SafeMode.schema),
        Migration(
            number: 13,
            name: "clock",
            sql: SafeMode.schemaOfClock + String(decoding: PackageResources.m0003_canary_sql, as: UTF8.self)
        ),
        Migration(number: 14, name: "outbox_ids", sql: OutboxSchema.version4),
        Migration(number: 15, name: "outbox_tick_ids", sql: OutboxSchema.version5),
    ]
}
