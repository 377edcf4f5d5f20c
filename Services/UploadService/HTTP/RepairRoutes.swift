import AccessTokens
import Determinism
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

import struct FoundationEssentials.UUID

/// Plans of repairs: made, shown, run, undone. For operators, who see all tenants.
struct RepairRoutes: Sendable {
    static let path = "/api/v1/repairs"

    let repairs: Repairs

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
        let isDryRun = body.dryRun ?? true
        if let id = body.repairID {
            guard !isDryRun, body.policy == nil, body.checkID == nil else {
                throw RequestRefusal.body(
                    "may have a repair_id only with dry_run false, and nothing that makes a plan"
                )
            }
            return try await run(try RepairPolicy.id(id), scope, actor, body.confirm, context)
        }
        let plan = try await repairs.plan(
            check: try await check(body.checkID),
            scope: scope,
            by: actor,
            reason: try RepairPolicy.reason(body.reason),
            policy: try RepairPolicy.parsed(body.policy)
        )
        guard !isDryRun else { return try await answer(plan.id, status: .created, withItems: true) }
        return try await run(plan.id, scope, actor, body.confirm, context)
    }

    private func check(_ text: String?) async throws -> UUID {
        if let text { return try RepairPolicy.id(text) }
        do {
            if let newest = try await RepairSourceStore.newestCheck(on: repairs.pool) { return newest }
        } catch { throw RepairFailure.database(error) }
        throw RepairFailure.refused(.checkIncomplete)
    }

    /// - Parameter scope: the plan must be of it; nil takes any.
    private func run(
        _ id: UUID,
        _ scope: RepairScope?,
        _ actor: String,
        _ confirm: String?,
        _ context: ServiceContext
    ) async throws -> Response {
        if let scope, try await repairs.outcome(of: id).plan.scope != scope { throw RepairFailure.noSuchPlan }
        do { _ = try await repairs.run(id, by: actor, confirm: confirm) } catch {
            context.logger.warning(
                "a repair was not run",
                metadata: ["repair": "\(id.text)", "error": "\(error)"]
            )
            throw error
        }
        return try await answer(id, status: .ok, withItems: false)
    }

    private func select(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (actor, body) = (try actor(context), try await SelectionBody(request, context))
        let plan = try await repairs.plan(
            check: try RepairPolicy.id(body.checkID),
            scope: .selection,
            by: actor,
            reason: try RepairPolicy.reason(body.reason),
            policy: try body.policy(),
            kinds: try body.chosenKinds(),
            findings: body.findingIDs
        )
        return try await answer(plan.id, status: .created, withItems: true)
    }

    private func run(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (actor, id, body) = (try actor(context), try target(context), try await RunBody(request, context))
        return try await run(id, nil, actor, body.confirm, context)
    }

    private func undo(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let id = try target(context)
        _ = try await repairs.undo(id, by: try actor(context))
        return try await answer(id, status: .ok, withItems: false)
    }

    func target(_ context: ServiceContext) throws(RepairFailure) -> UUID {
        guard let id = context.parameters.get("id").flatMap({ UUID(text: $0) }) else { throw .noSuchPlan }
        return id
    }

    private func actor(_ context: ServiceContext) throws -> String {
        let caller = try context.requireCaller()
        return "\(caller.tenant)/\(caller.principal)"
    }

    func answer(_ id: UUID, status: HTTPResponse.Status, withItems: Bool) async throws -> Response {
        let outcome = try await repairs.outcome(of: id)
        var items: [RepairItemDocument]?
        if withItems {
            items = try await page(of: id, after: 0, limit: 1_000).map(RepairItemDocument.init)
        }
        return try .json(
            RepairDocument(outcome.plan, counts: outcome.counts, items: items),
            status: status,
            fields: status == .created ? [.location: "\(Self.path)/\(id.text)"] : [:]
        )
    }

    func page(of id: UUID, after: Int, limit: Int) async throws(RepairFailure) -> [StoredRepairItem] {
        do {
            return try await RepairItemStore.page(of: id, after: after, limit: limit, on: repairs.pool)
        } catch { throw .database(error) }
    }
}
