import FoundationEssentials
import NIOHTTP1

/// Finds files the way a user calls them: by id, or by name.
struct FileFinder: Sendable {
    let api: APIClient

    /// The states a list can be of.
    enum State: String, Sendable {
        case available, deleted, quarantined
    }

    /// - Parameter reference: an id, or the whole name of a file in `state`.
    /// - Returns: the id.
    func id(of reference: String, in state: State) async throws(ClientFailure) -> String {
        if let id = UUID(uuidString: reference) { return id.uuidString.lowercased() }
        let found = try await named(reference, in: state)
        guard let first = found.first else {
            throw .local("There is no \(state.rawValue) file \(reference).")
        }
        guard found.count == 1 else {
            let ids = found.map(\.id).joined(separator: ", ")
            throw .local(
                "Several \(state.rawValue) files are called \(reference); name one by its id: \(ids)."
            )
        }
        return first.id
    }

    /// Before the first byte is sent; the server looks again at the end.
    func refuseTakenName(_ name: String) async throws(ClientFailure) {
        var found = try await named(name, in: .available)
        if found.isEmpty { found = try await named(name, in: .quarantined) }
        guard let existing = found.first else { return }
        throw .refused(
            Refusal(
                status: 409,
                code: "FILE_ALREADY_EXISTS",
                detail: "There is a file of that name already: \(name), \(existing.id). Nothing was sent."
            )
        )
    }

    /// Pages of the caller's files, newest first.
    func files(
        in state: State,
        prefix: String?,
        limit: Int = .max,
        where isWanted: (FileFacts) -> Bool = { _ in true }
    ) async throws(ClientFailure) -> [FileFacts] {
        var found: [FileFacts] = []
        var cursor: String?
        repeat {
            var query = [("state", state.rawValue), ("limit", String(min(1_000, limit)))]
            if let prefix { query.append(("name_prefix", prefix)) }
            if let cursor { query.append(("cursor", cursor)) }
            let page = try await api.ask(APIRequest(.GET, "/api/v1/files", query: query), for: FilePage.self)
            found += page.files.filter(isWanted)
            guard page.nextCursor == nil || page.nextCursor != cursor else {
                throw .unusable("its list of files does not end")
            }
            cursor = page.nextCursor
        } while cursor != nil && found.count < limit
        return Array(found.prefix(limit))
    }

    /// Swift compares by canonical equivalence, as the server does.
    private func named(_ name: String, in state: State) async throws(ClientFailure) -> [FileFacts] {
        try await files(in: state, prefix: name) { $0.name == name }
    }
}
