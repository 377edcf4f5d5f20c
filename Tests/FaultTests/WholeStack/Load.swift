import TestSupport

/// A little of everything: files come in, one is refused, one goes for good, one goes to the trash and back.
///
/// Requests may fail, for a program may die meanwhile; what was acknowledged is remembered by the stack.
struct Load {
    let stack: TestStack
    private var round = 0
    private(set) var acknowledgedCount = 0

    init(_ stack: TestStack) { self.stack = stack }

    mutating func run() async {
        round += 1
        let wrong = String(repeating: "0", count: 64)
        _ = try? await stack.upload("refused-\(round)", [1, 2, 3], fields: ["x-content-sha256": wrong])
        let purged = try? await stack.store("purged-\(round)", "soon gone \(round)")
        let kept = try? await stack.store("kept-\(round)", "stays for ever \(round)")
        acknowledgedCount += [purged, kept].count { $0 != nil }
        if let kept {
            _ = try? await stack.delete(kept)
            _ = try? await stack.restore(kept)
        }
        if let purged { _ = try? await stack.delete(purged, purge: true) }
    }
}
