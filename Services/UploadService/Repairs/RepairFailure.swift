import FaultPoints
import ObjectStore
import PostgresClient

/// Why a plan is not made, run or undone. Unless it says otherwise nothing was changed.
enum RepairFailure: Error, Sendable {
    case noSuchPlan
    case noSuchCheck
    /// A person has to say the plan's hash.
    case unconfirmed(RepairPlan)
    /// Another run, or undo, is under way.
    case busy
    /// What forbids it, for good or for now.
    case refused(Refusal)
    case store(StoreFailure)
    /// Of the request's `Idempotency-Key`.
    case key(KeyFailure)
    case database(DatabaseError)
    /// This process has lost the lease; another one may have gone on.
    case overtaken
    case interrupted

    /// The stable words of a refusal.
    enum Refusal: Error, Equatable, Sendable {
        /// The check has not compared everything, or is gone.
        case checkIncomplete
        /// The database is not the one the check was made of: a restore or a failover came between.
        case incarnationChanged
        case replica
        case safeMode
        /// The bucket does not bear this deployment's mark.
        case foreignBucket(String)
        /// The stored items are not what the plan's hash is of.
        case planChanged
        case wrongHash
        /// The database's clock and this program's are too far apart to tell ages.
        case clocksDiffer
        case state(RepairPlan.State)
        case tooManyFindings(limit: Int)
        /// Safe mode is off, or its survey has not come to an end.
        case noSurvey

        var word: String {
            switch self {
            case .checkIncomplete: "check_incomplete"
            case .incarnationChanged: "incarnation_changed"
            case .replica: "replica"
            case .safeMode: "safe_mode"
            case .foreignBucket: "foreign_bucket"
            case .planChanged: "plan_changed"
            case .wrongHash: "wrong_hash"
            case .clocksDiffer: "clocks_differ"
            case .state: "state"
            case .tooManyFindings: "too_many_findings"
            case .noSurvey: "no_survey"
            }
        }

        var sentence: String {
            switch self {
            case .checkIncomplete:
                "The check did not compare everything, or is gone: run a complete one first."
            case .incarnationChanged:
                "The database is not the one that was checked: it was restored or failed over since. Check again."
            case .replica: "The database is a replica, whose rows may be old."
            case .safeMode: "The service is in safe mode: an operator has to leave it first."
            case .foreignBucket(let reason): "The bucket is not known to be this deployment's: \(reason)."
            case .planChanged: "The stored plan is not the one its hash is of: make a new one."
            case .wrongHash: "The hash is not that of the plan: look at the plan again."
            case .clocksDiffer:
                "The clocks of the database and of this program differ by more than 15 minutes."
            case .state(let state): "The plan is \(state.rawValue), where this cannot be done."
            case .noSurvey:
                "Safe mode is off, or has not been surveyed yet: see GET /api/v1/safe-mode for what it proposes."
            case .tooManyFindings(let limit): "A plan has at most \(limit) items: pick findings or a kind."
            }
        }
    }

    /// Of a crash that a test asked for.
    init(_: InjectedCrash) { self = .interrupted }

    /// Of a transaction. An outcome that is not known is looked up by the next run: every step may be repeated.
    init<Failure: Error>(_ error: TransactionError<Failure>) {
        if case .rolledBack(let reason) = error {
            switch reason {
            case let failure as RepairFailure: self = failure
            case let failure as KeyFailure: self = .key(failure)
            case let refusal as Refusal: self = .refused(refusal)
            case let failure as DatabaseError: self = .database(failure)
            case is CancellationError: self = .interrupted
            default: self = .database(.unexpectedResult("\(reason)"))
            }
        } else {
            self = .database(error.databaseError ?? .unexpectedResult("\(error)"))
        }
    }
}

extension Faults {
    /// For work whose other failures are those of repairs.
    func repair(_ point: FaultPoint) throws(RepairFailure) {
        do { try reach(point) } catch { throw RepairFailure(error) }
    }
}
