/// The command line.
struct Options: Equatable, Sendable {
    static let usage = """
        Benchmarks --database URI [--store URL] [--brokers HOST:PORT,…] [--python PROGRAM] [--rounds N] [--scale X]
                   [--json FILE] [--children FILE] [ROW…]

          --database      libpq URI of a server on which databases may be made
          --store         http://key:secret@host:port?profile=minio (or aws, radosgw); without it a DevStore is started
          --brokers       Kafka, with the topics waybill.files.v1, waybill.index.v1 and waybill.bench.v1; without it a
                          DevBroker is started
          --python        a Python with boto3; without it what needs boto3 is left out
          --rounds        how often A and B take turns (5)
          --scale         multiplies all sizes (1)
          --json          receives the report
          --children      names the processes that run: pid and program, one a line
          ROW…            numbers of rows; without them all
        """

    struct Complaint: Error, CustomStringConvertible { let description: String }

    var database = ""
    var store: String?
    var brokers: String?
    var python: String?
    var rounds = 5
    var scale = 1.0
    var json: String?
    var children: String?
    var rows: [Int] = []

    init(_ arguments: some Collection<String>) throws(Complaint) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if let row = Int(name) {
                rows.append(row)
                continue
            }
            guard let value = rest.popFirst() else { throw Complaint(description: "\(name) needs a value") }
            switch name {
            case "--database": database = value
            case "--store": store = value
            case "--brokers": brokers = value
            case "--python": python = value
            case "--json": json = value
            case "--children": children = value
            case "--rounds": rounds = try Self.number(name, Int(value)) { $0 >= 1 }
            case "--scale": scale = try Self.number(name, Double(value)) { $0 > 0 && $0 <= 10 }
            default: throw Complaint(description: "\(name) is not known")
            }
        }
        guard !database.isEmpty else { throw Complaint(description: "--database is missing") }
    }

    private static func number<Value>(
        _ name: String,
        _ value: Value?,
        _ isAllowed: (Value) -> Bool
    ) throws(Complaint) -> Value {
        guard let value, isAllowed(value) else { throw Complaint(description: "\(name) is out of bounds") }
        return value
    }
}
