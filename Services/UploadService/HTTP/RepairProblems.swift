import Determinism
import Digests
import HTTPServing

extension RepairFailure: ProblemConvertible {
    var problem: Problem {
        switch self {
        case .noSuchPlan: Problem(.repairNotFound, 404, "There is no such repair.")
        case .noSuchCheck: Problem(.checkNotFound, 404, "There is no such check.")
        case .unconfirmed(let plan):
            Problem(
                .confirmationRequired,
                409,
                "The plan takes away \(plan.harmCount) things with \(plan.byteCount) bytes, more than \(plan.harmLimit) or \(RepairPlan.byteLimit) bytes. Look at it, and send its hash as confirm. Nothing was changed.",
                extensions: ["repair_id": plan.id.text, "hash": plan.hash.hex]
            )
        case .busy:
            Problem(
                .repairRunning,
                409,
                "Another repair is under way. Nothing was changed; send the request again when it has ended.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        case .refused(let refusal):
            Problem(
                .repairRefused,
                409,
                "\(refusal.sentence) What was done before is kept, nothing else was changed.",
                extensions: ["refusal": refusal.word]
            )
        case .store(let failure): Problem(store: failure).keepingRepair
        case .key(let failure): failure.problem
        case .database(let failure): Problem(database: failure).keepingRepair
        case .overtaken, .interrupted: Problem.interrupted.keepingRepair
        }
    }
}

extension Problem {
    /// A run that is broken off has done some of its items, and is gone on with.
    fileprivate var keepingRepair: Problem {
        var problem = self
        problem.detail =
            "The repair was broken off. What was done of it is kept; ask for it, or run it again."
        return problem
    }
}
