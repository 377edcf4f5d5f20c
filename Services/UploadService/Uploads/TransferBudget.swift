import Synchronization

/// How much the transfers of this process may take at one time, so that no number of slow clients takes the service, or its
/// memory, away from everybody else. What does not fit is refused before a byte is read.
final class TransferBudget: Sendable {
    struct Limits: Sendable {
        /// Uploads and downloads under way. Each holds a connection to the store, and the store must stay in reach of
        /// what is no transfer: deletes, lookups of lost answers, the readiness check.
        var transferCount = 192
        /// Bytes of memory for parts of uploads.
        var partMemory: Int64 = 512 << 20
    }

    /// What a transfer takes. It is given back when the admission goes away.
    final class Admission: Sendable {
        private let budget: TransferBudget
        private let tenant: String
        private let memory: Int64

        fileprivate init(_ budget: TransferBudget, _ tenant: String, _ memory: Int64) {
            self.budget = budget
            self.tenant = tenant
            self.memory = memory
        }

        deinit { budget.giveBack(tenant, memory) }
    }

    /// What is taken at the moment.
    struct Use: Sendable {
        fileprivate(set) var transferCount = 0
        fileprivate(set) var partMemory: Int64 = 0
        fileprivate var countOfTenant: [String: Int] = [:]
    }

    let limits: Limits
    private let state = Mutex(Use())

    init(_ limits: Limits) { self.limits = limits }

    var use: Use { state.withLock { $0 } }

    /// One tenant gets three quarters at most.
    private var tenantLimit: Int { max(1, limits.transferCount - limits.transferCount / 4) }

    /// - Parameter partMemory: the most bytes of parts the transfer will hold.
    /// - Returns: nil when there is no room now.
    func admit(_ tenant: String, partMemory: Int64 = 0) -> Admission? {
        let isAdmitted = state.withLock { use in
            let count = use.countOfTenant[tenant, default: 0]
            // A transfer that would never fit gets in when it is alone.
            let hasMemory = use.partMemory == 0 || use.partMemory + partMemory <= limits.partMemory
            guard use.transferCount < limits.transferCount, count < tenantLimit, hasMemory else {
                return false
            }
            use.transferCount += 1
            use.partMemory += partMemory
            use.countOfTenant[tenant] = count + 1
            return true
        }
        return isAdmitted ? Admission(self, tenant, partMemory) : nil
    }

    private func giveBack(_ tenant: String, _ memory: Int64) {
        state.withLock { use in
            use.transferCount -= 1
            use.partMemory -= memory
            let left = use.countOfTenant[tenant, default: 1] - 1
            use.countOfTenant[tenant] = left > 0 ? left : nil
        }
    }
}
