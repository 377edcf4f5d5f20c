import Determinism
import EventContracts

import struct FoundationEssentials.UUID

/// Which files are told of again. Conditions add up; none at all means every file.
struct RepublishSelection: Equatable, Sendable {
    var fileIDs: [UUID]?
    var tenant: String?
    /// Files whose newest version came to be at or after this instant.
    var since: Timestamp?
    /// … and before this one.
    var until: Timestamp?

    var isEverything: Bool { self == RepublishSelection() }

    /// For people, and for the audit trail.
    var text: String {
        let ids = fileIDs.map { ids in
            let shown = ids.prefix(10).map(\.text).joined(separator: ", ")
            return "files \(shown)\(ids.count > 10 ? " and \(ids.count - 10) more" : "")"
        }
        let parts = [
            ids, tenant.map { "tenant \($0)" }, since.map { "since \($0.rfc3339)" },
            until.map { "until \($0.rfc3339)" },
        ].compactMap { $0 }
        return parts.isEmpty ? "all files" : parts.joined(separator: ", ")
    }
}

/// A topic that events of files may be sent to besides their own: a side topic to fill an index anew from.
struct SideTopic: Equatable, Sendable {
    let name: String

    /// The topic everybody reads.
    static let files = SideTopic(checked: Topic.files.name)

    private init(checked name: String) { self.name = name }

    /// - Returns: nil for what is not one of ours, and for topics whose readers expect other events.
    init?(_ name: String) {
        guard name.wholeMatch(of: /waybill\.[a-z0-9._-]{1,200}/) != nil, name != Topic.index.name,
            !name.hasSuffix(".dlq")
        else { return nil }
        self.name = name
    }

    static let rule = "a topic begins with `waybill.`, and is neither that of the index nor a dead letter's"
}
