import Determinism
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import SortedJSON

import struct FoundationEssentials.UUID

/// `GET /api/v1/repairs`, `GET …/{id}` and `GET …/{id}/items`.
extension RepairRoutes {
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["limit", "cursor"])
        let limit = try query.integer("limit", default: 50, in: 1...1_000)
        let cursor = try query.cursor()
        let found: [RepairPlan]
        do {
            found = try await RepairPlanStore.list(before: cursor, limit: limit + 1, on: repairs.pool)
        } catch { throw RepairFailure.database(error) }
        let page = found.prefix(limit)
        return try .json(
            RepairListDocument(
                repairs: page.map { RepairDocument($0) },
                nextCursor: found.count > limit ? page.last?.id.text : nil
            )
        )
    }

    func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        return try await answer(try target(context), status: .ok, withItems: false).response
    }

    /// A page as JSON; all of them as NDJSON where the client wants that.
    func items(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["after", "limit"])
        let after = try query.integer("after", default: 0, in: 0...Int(Int32.max))
        let limit = try query.integer("limit", default: 100, in: 1...1_000)
        let id = try target(context)
        _ = try await repairs.outcome(of: id)
        if request.headers[values: .accept].contains(where: { $0.contains("application/x-ndjson") }) {
            return lines(of: id, after: after)
        }
        let found = try await page(of: id, after: after, limit: limit + 1)
        let page = found.prefix(limit)
        return try .json(
            RepairItemsDocument(
                items: page.map(RepairItemDocument.init),
                nextAfter: found.count > limit ? page.last?.item.number : nil
            )
        )
    }

    private func lines(of id: UUID, after: Int) -> Response {
        let body = ResponseBody { writer in
            var last = after
            while true {
                let page = try await page(of: id, after: last, limit: 500)
                guard let end = page.last else { break }
                last = end.item.number
                var text = ""
                for item in page { text += try SortedJSON.text(of: RepairItemDocument(item)) + "\n" }
                try await writer.write(ByteBuffer(string: text))
            }
            try await writer.finish(nil)
        }
        let fields: HTTPFields = [.contentType: "application/x-ndjson", .cacheControl: "no-store"]
        return Response(status: .ok, headers: fields, body: body)
    }
}
