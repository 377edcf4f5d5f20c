import FoundationEssentials
import ServiceBootstrap

/// Which UploadService to talk to, and as whom.
struct Server: Sendable {
    /// Without a slash at the end.
    let url: String
    let token: Secret

    /// - Throws: a sentence to complain with; it never holds the token.
    init(url text: String, token: String) throws(ServerOptions.Wrong) {
        guard let parts = URLComponents(string: text), ["http", "https"].contains(parts.scheme ?? ""),
            let host = parts.host, !host.isEmpty, parts.query == nil, parts.fragment == nil
        else {
            throw ServerOptions.Wrong("The server's URL looks like https://waybill.example.com:8080.")
        }
        // It would end up in process lists, logs and the journal.
        guard parts.user == nil, parts.password == nil else {
            throw ServerOptions.Wrong("The server's URL may not hold a user or a password.")
        }
        var url = text
        while url.hasSuffix("/") { url.removeLast() }
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ServerOptions.Wrong("The token is empty, or holds characters no token has.")
        }
        self.url = url
        self.token = Secret(token)
    }
}
