/// The command line, read once. Every complaint is reported, not only the first.
struct Options: Sendable {
    static let usage = """
        DevStore --data DIR --access-key K --secret-key S [--port N] [--bucket NAME]... [--port-file PATH]
                 [--region NAME] [--no-delete-key K:S]... [--put-only-key K:S:PREFIX]...

        An S3-compatible store for development: files on disk, loopback only.
          --port 0           (the default) takes a free port and names it in the ready line
          --bucket           is created at start when it is not there
          --port-file        receives the port number once the store is ready
          --no-delete-key    a key pair that may do everything but delete
          --put-only-key     a key pair that may only store objects and parts whose key begins with PREFIX
        """

    var port = 0
    var data = ""
    var region = "us-east-1"
    var buckets: [String] = []
    var portFile: String?
    var grants: [Grant] = []

    struct Complaint: Error {
        let sentences: [String]
    }

    init(_ arguments: [String]) throws(Complaint) {
        var accessKey = ""
        var secretKey = ""
        var complaints: [String] = []
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else {
                complaints.append("\(name) needs a value")
                break
            }
            switch name {
            case "--port":
                port =
                    UInt16(value).map(Int.init)
                    ?? {
                        complaints.append("--port \(value)?"); return 0
                    }()
            case "--data": data = value
            case "--access-key": accessKey = value
            case "--secret-key": secretKey = value
            case "--region": region = value
            case "--bucket": buckets.append(value)
            case "--port-file": portFile = value
            case "--no-delete-key", "--put-only-key":
                if let grant = Options.grant(name, value) {
                    grants.append(grant)
                } else {
                    complaints.append(
                        "\(name): the value must have the form \(name == "--no-delete-key" ? "K:S" : "K:S:PREFIX")"
                    )
                }
            default: complaints.append("\(name) is not known")
            }
        }
        if data.isEmpty { complaints.append("--data is needed") }
        if accessKey.isEmpty || secretKey.isEmpty {
            complaints.append("--access-key and --secret-key are needed")
        }
        guard complaints.isEmpty else { throw Complaint(sentences: complaints) }
        grants.insert(Grant(accessKey: accessKey, secret: secretKey, scope: .everything), at: 0)
    }

    private static func grant(_ name: String, _ value: String) -> Grant? {
        let isPutOnly = name == "--put-only-key"
        let pieces = value.split(
            separator: ":",
            maxSplits: isPutOnly ? 2 : 1,
            omittingEmptySubsequences: false
        )
        guard pieces.count == (isPutOnly ? 3 : 2), !pieces[0].isEmpty, !pieces[1].isEmpty else { return nil }
        return Grant(
            accessKey: String(pieces[0]),
            secret: String(pieces[1]),
            scope: isPutOnly ? .putOnly(prefix: Array(pieces[2].utf8)) : .noDelete
        )
    }
}
