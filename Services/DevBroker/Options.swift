struct Refusal: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The command line.
struct Options: Equatable {
    struct Topic: Equatable {
        let name: String
        let partitionCount: Int32
    }

    /// Zero: any free port.
    var port: UInt16 = 0
    var topics: [Topic] = []
    var portFile: String?

    static let usage = "usage: DevBroker [--port N|0] --topics name:partitions,… [--port-file PATH]"
    static let limits = """
        DevBroker: in-memory development broker, loopback only. Keeps at most 5 MiB or 100000 batches \
        per partition and drops the oldest silently; loses everything on restart; honours neither transactions nor \
        idempotent de-duplication.
        """

    init(_ arguments: some Collection<String>) throws(Refusal) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw Refusal("\(name) needs a value") }
            switch name {
            case "--port":
                guard let port = UInt16(value) else { throw Refusal("--port: not a port: \(value)") }
                self.port = port
            case "--topics": topics = try Self.parseTopics(value)
            case "--port-file": portFile = value
            default: throw Refusal("unknown option \(name)")
            }
        }
        // Topics a client asks for come into being with another number of partitions than anyone chose.
        if topics.isEmpty { throw Refusal("--topics is missing") }
    }

    private static func parseTopics(_ list: String) throws(Refusal) -> [Topic] {
        var topics: [Topic] = []
        for item in list.split(separator: ",") {
            let parts = item.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, let count = Int32(parts[1]),
                (1...1_000).contains(count)
            else { throw Refusal("--topics: \(item) is not name:partitions (1 to 1000)") }
            topics.append(Topic(name: String(parts[0]), partitionCount: count))
        }
        return topics
    }
}
