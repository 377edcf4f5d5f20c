import Determinism
import ObjectStore
import PostgresClient
import ServiceParts

/// What the parts of a check work with.
struct CheckTools: Sendable {
    let pool: PostgresPool
    let store: any ObjectStore
    let bucket: BucketIdentity
    /// Nil: the index is not compared.
    let indexer: IndexerClient?
    let budget: RequestBudget
    let settings: CheckSettings
    let time: any TimeSource
    let random: any RandomSource
    /// Lists the whole bucket.
    let list: ObjectListing.Lister

    var recheck: Recheck {
        Recheck(
            store: store,
            bucket: bucket,
            pool: pool,
            budget: budget,
            time: time,
            pause: settings.recheckPause
        )
    }
}

/// The limits of a check.
struct CheckSettings: Sendable {
    /// Sent to the store, all parts of a check together.
    var requestsPerSecond = 100
    /// Between the two looks at what seems wrong.
    var recheckPause: Duration = .seconds(5)
    /// Ranges of keys compared at the same time.
    var rangeCount = 4
    /// Objects read back and hashed by a check with digests `sampled`, about.
    var sampleCount = 100
    /// A row that has not moved on for so long, and should have, is stuck.
    var stuckPatience: Duration = .seconds(21_600)
    /// For so long after an upload was discarded its bytes may still come: the cleanup consumer waits before it answers.
    var late: Duration = .seconds(3_600)
    /// For so long the index may lag behind a file.
    var indexPatience: Duration = .seconds(300)
    /// An incremental check passes over what was compared within this time.
    var incrementalWindow: Duration = .seconds(86_400)
    /// For so long checks are kept. The newest ones, and those that a plan rests on, stay longer.
    var retention: Duration = .seconds(2_592_000)
    /// How often it is looked for those that are not kept any longer.
    var removalInterval: Duration = .seconds(3_600)
    /// Rows of one range of keys, about.
    var rangeRowCount: Int64 = 50_000
    /// A bucket of fewer rows than that has ranges to compare at the same time as well, of at least so many rows.
    var smallRangeRowCount: Int64 = 2_500
    /// Rows that the database sums up in one statement, at most.
    var summaryRowCount = 3_000
    /// How often a check that was asked for is looked for.
    var pollInterval: Duration = .milliseconds(500)
    /// After so long without a sign of life another process goes on with a check.
    var lease: Duration = .seconds(30)
    /// What failed for reasons that may pass is tried again so often.
    var attemptLimit = 3
}

/// One source, or range of it, that is compared on its own: it fails on its own, and goes on from where it was.
protocol CheckPart: Sendable {
    /// Under which its progress is kept.
    var name: String { get }

    /// Compares from `progress.cursor` to the end.
    ///
    /// - Parameter save: keeps progress and findings together. Throws `.stopped` when this process may not go on.
    func run(
        from progress: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure)
}
