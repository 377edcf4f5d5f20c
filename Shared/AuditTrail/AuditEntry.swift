/// One thing somebody did, or is about to do, that must be answered for.
public struct AuditEntry: Equatable, Sendable {
    /// Who: `tenant/principal` of a caller, `cli:` and a user's name for a command, the name of a program for what it does by itself.
    public let actor: String
    /// What, as a dotted word that never changes its meaning: `object.removed`, `token.issued`.
    public let action: String
    /// To what: an object key, a file id, the number of a plan. Never a secret.
    public let subject: String
    /// Why, in words.
    public let reason: String
    /// JSON of what was, and of what is from now on; nil where there is nothing to tell.
    public let before: String?
    public let after: String?

    public init(
        actor: String,
        action: String,
        subject: String,
        reason: String,
        before: String? = nil,
        after: String? = nil
    ) {
        self.actor = actor
        self.action = action
        self.subject = subject
        self.reason = reason
        self.before = before
        self.after = after
    }
}
