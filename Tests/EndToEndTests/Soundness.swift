import TestSupport
import Testing

extension TestStack {
    /// Waits until the stack is quiet, and expects that everything holds which must hold.
    ///
    /// - Parameter expected: the invariants that are known to be broken, by the store's fault for example.
    func isSound(
        except expected: [String] = [],
        within limit: Duration = .seconds(60),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let violations = try await violations(within: limit)
        #expect(violations.map(\.invariant) == expected, "\(violations)", sourceLocation: sourceLocation)
    }
}
