import AccessTokens
import Determinism
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import SortedJSON

import struct FoundationEssentials.UUID

/// Plans of repairs: made, shown, run, undone. For operators, who see all tenants.
struct RepairRoutes: Sendable {
    static let path = "/api/v1/repairs"

    /// Items an answer shows.
    private static let shownLimit = 1_000

    let repairs: Repairs
    let keys: IdempotencyKeys

    func add(to routes: some RouterMethods<ServiceContext>) {
        for scope in [RepairScope.orphanedFiles, .orphanedRecords, .full] {
            routes.post("uploads/cleanup/\(scope.rawValue)") { try await clean(scope, $0, $1) }
        }
        routes.post("repairs") { try await select($0, $1) }
        routes.get("repairs") { try await list($0, $1) }
        routes.get("repairs/{id}") { try await show($0, $1) }
        routes.get("repairs/{id}/items") { try await items($0, $1) }
        routes.post("repairs/{id}/run") { try await run($0, $1) }
        routes.post("repairs/{id}/undo") { try await undo($0, $1) }
    }

    /// A dry run, unless told otherwise: it stores the plan and changes nothing else.
    private func clean(
        _ scope: RepairScope,
        _ request: Request,
        _ context: ServiceContext
    ) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (actor, body) = (try actor(context), try await CleanupBody(request, context))
        let slot = try slot(request, context, body)
        let isDryRun = body.dryRun ?? true
        if let id = body.repairID {
            guard !isDryRun, body.policy == nil, body.checkID == nil else {
                throw RequestRefusal.body(
                    "may have a repair_id only with dry_run false, and nothing that makes a plan"
                )
            }
            let id = try RepairPolicy.id(id)
            return try await once(slot) { try await ran(id, scope, actor, body.confirm, context, $0) }
                .response
        }
        guard !isDryRun else {
            return try await once(slot) { try await planned(scope, body, actor, $0) }.response
        }
        return try await once(slot) { claim in
            // Under a key of its own: sent again, the request goes on with the plan it has made.
            let made = try await once(slot?.item(1, ["plan"])) {
                try await planned(scope, body, actor, $0)
            }
            let id = made.location.flatMap { UUID(text: String($0.suffix(36))) }
            guard let id else { throw RepairFailure.noSuchPlan }
            return try await ran(id, scope, actor, body.confirm, context, claim)
        }.response
    }

    private func planned(
        _ scope: RepairScope,
        _ body: CleanupBody,
        _ actor: String,
        _ claim: KeyClaim?
    ) async throws -> StoredAnswer {
        let plan = try await repairs.plan(
            check: try await check(body.checkID),
            scope: scope,
            by: actor,
            reason: try RepairPolicy.reason(body.reason),
            policy: try RepairPolicy.parsed(body.policy),
            keyed: claim.map { KeyedAnswer(claim: $0, make: Self.answer) }
        )
        return try await answer(plan.id, status: .created, withItems: true)
    }

    private func check(_ text: String?) async throws -> UUID {
        if let text { return try RepairPolicy.id(text) }
        do {
            if let newest = try await RepairSourceStore.newestCheck(on: repairs.pool) { return newest }
        } catch { throw RepairFailure.database(error) }
        throw RepairFailure.refused(.checkIncomplete)
    }

    /// A run is not one transaction, but may be repeated: its answer is stored when it has come to its end.
    ///
    /// - Parameter scope: the plan must be of it; nil takes any.
    private func ran(
        _ id: UUID,
        _ scope: RepairScope?,
        _ actor: String,
        _ confirm: String?,
        _ context: ServiceContext,
        _ claim: KeyClaim?
    ) async throws -> StoredAnswer {
        if let scope, try await repairs.outcome(of: id).plan.scope != scope { throw RepairFailure.noSuchPlan }
        do { _ = try await repairs.run(id, by: actor, confirm: confirm) } catch {
            context.logger.warning(
                "a repair was not run",
                metadata: ["repair": "\(id.text)", "error": "\(error)"]
            )
            throw error
        }
        let answer = try await answer(id, status: .ok, withItems: false)
        guard let claim else { return answer }
        return await keys.finish(claim, answer)
    }

    private func select(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (actor, body) = (try actor(context), try await SelectionBody(request, context))
        let reason = try RepairPolicy.reason(body.reason)
        return try await once(try slot(request, context, body)) { claim in
            let keyed = claim.map { KeyedAnswer(claim: $0, make: Self.answer) }
            let plan: RepairPlan
            if let files = body.fileIDs {
                plan = try await repairs.planReleases(
                    of: try files.map { try RepairPolicy.id($0) },
                    by: actor,
                    reason: reason,
                    keyed: keyed
                )
            } else if let check = body.checkID {
                plan = try await repairs.plan(
                    check: try RepairPolicy.id(check),
                    scope: .selection,
                    by: actor,
                    reason: reason,
                    policy: try body.policy(),
                    kinds: try body.chosenKinds(),
                    findings: body.findingIDs,
                    keyed: keyed
                )
            } else {
                plan = try await repairs.planAdoptions(
                    of: body.objectKeys,
                    by: actor,
                    reason: reason,
                    keyed: keyed
                )
            }
            return try await answer(plan.id, status: .created, withItems: true)
        }.response
    }

    private func run(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (actor, id, body) = (try actor(context), try target(context), try await RunBody(request, context))
        return try await once(try slot(request, context, body)) {
            try await ran(id, nil, actor, body.confirm, context, $0)
        }.response
    }

    private func undo(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (actor, id) = (try actor(context), try target(context))
        return try await once(try slot(request, context, [String: String]())) { claim in
            _ = try await repairs.undo(id, by: actor)
            let answer = try await answer(id, status: .ok, withItems: false)
            guard let claim else { return answer }
            return await keys.finish(claim, answer)
        }.response
    }

    /// Under the request's key, if it has one; a plan with many items takes long to make, to run and to undo.
    private func once(
        _ slot: KeySlot?,
        _ serve: (KeyClaim?) async throws -> StoredAnswer
    ) async throws -> StoredAnswer {
        try await keys.once(slot) { claim in
            try await keys.keeping(claim, repairs.time) { try await serve(claim) }
        }
    }

    private func slot(
        _ request: Request,
        _ context: ServiceContext,
        _ body: some Encodable
    ) throws -> KeySlot? {
        try KeySlot.read(request, of: Owner(try context.requireCaller()), [try SortedJSON.text(of: body)])
    }

    func target(_ context: ServiceContext) throws(RepairFailure) -> UUID {
        guard let id = context.parameters.get("id").flatMap({ UUID(text: $0) }) else { throw .noSuchPlan }
        return id
    }

    private func actor(_ context: ServiceContext) throws -> String {
        let caller = try context.requireCaller()
        return "\(caller.tenant)/\(caller.principal)"
    }

    func answer(_ id: UUID, status: HTTPResponse.Status, withItems: Bool) async throws -> StoredAnswer {
        let outcome = try await repairs.outcome(of: id)
        var items: [RepairItemDocument]?
        if withItems {
            items = try await page(of: id, after: 0, limit: Self.shownLimit).map(RepairItemDocument.init)
        }
        return try StoredAnswer(
            RepairDocument(outcome.plan, counts: outcome.counts, items: items),
            status: status,
            location: status == .created ? "\(Self.path)/\(id.text)" : nil
        )
    }

    /// The same of a plan that is about to be stored.
    @Sendable private static func answer(_ new: NewRepairPlan) throws -> StoredAnswer {
        let items = new.items.prefix(shownLimit).map { item in
            StoredRepairItem(
                planID: new.plan.id,
                item: item,
                state: .planned,
                outcome: nil,
                afterVersion: nil,
                shadow: nil,
                order: nil
            )
        }
        let counts = items.isEmpty ? [:] : [StoredRepairItem.State.planned.rawValue: Int64(new.items.count)]
        return try StoredAnswer(
            RepairDocument(new.plan, counts: counts, items: items.map(RepairItemDocument.init)),
            status: .created,
            location: "\(path)/\(new.plan.id.text)"
        )
    }

    func page(of id: UUID, after: Int, limit: Int) async throws(RepairFailure) -> [StoredRepairItem] {
        do {
            return try await RepairItemStore.page(of: id, after: after, limit: limit, on: repairs.pool)
        } catch { throw .database(error) }
    }
}
