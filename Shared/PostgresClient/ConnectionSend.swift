internal import CLibpq

/// Sending a unit. libpq copies everything it is given, so pointers live only for the call.
extension Connection {
    func send(_ work: Unit.Work) throws(DatabaseError) {
        switch work {
        case .pipeline(let batch): try sendPipeline(batch)
        case .script(let sql):
            try leavePipelineMode()
            try require(PQsendQuery(raw, sql) == 1)
        case .copy(let statement, _):
            try leavePipelineMode()
            try require(statement.text.withCString { PQsendQuery(raw, $0) } == 1)
        }
    }

    private func sendPipeline(_ batch: [BoundStatement]) throws(DatabaseError) {
        // Names of this unit; they enter the cache when the server has confirmed them.
        var names: [Statement: String] = [:]
        for bound in batch {
            let name: String
            if let known = prepared[bound.statement] ?? names[bound.statement] {
                name = known
            } else {
                name = try sendPrepare(bound.statement)
                names[bound.statement] = name
            }
            unit?.steps.append(.execute(bound.statement))
            let parameters = EncodedParameters(bound.values)
            let isSent = parameters.withPointers { count, values, lengths, formats in
                PQsendQueryPrepared(raw, name, count, values, lengths, formats, 1) == 1
            }
            try require(isSent)
        }
        try require(PQpipelineSync(raw) == 1)
    }

    /// A name is never used twice, so a PREPARE that failed or was skipped leaves nothing that could clash.
    private func sendPrepare(_ statement: Statement) throws(DatabaseError) -> String {
        lastStatementNumber &+= 1
        let name = "w\(lastStatementNumber)"
        unit?.steps.append(.prepare(statement, name: name))
        try require(statement.text.withCString { PQsendPrepare(raw, name, $0, 0, nil) } == 1)
        return name
    }

    func leavePipelineMode() throws(DatabaseError) {
        guard PQpipelineStatus(raw) != PQ_PIPELINE_OFF else { return }
        try require(PQexitPipelineMode(raw) == 1)
    }

    func enterPipelineMode() throws(DatabaseError) {
        guard PQpipelineStatus(raw) == PQ_PIPELINE_OFF else { return }
        try require(PQenterPipelineMode(raw) == 1)
    }

    func require(_ isDone: Bool) throws(DatabaseError) {
        if !isDone { throw .connectionLost(libpqMessage) }
    }
}

/// Parameters laid out in one buffer.
struct EncodedParameters {
    private var buffer: [UInt8] = []
    private var offsets: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    /// - Parameter values: validated: no NUL in text, sizes below 1 GiB.
    init(_ values: [PostgresValue]) {
        for value in values {
            switch value {
            case .null, .invalid:
                offsets.append(nil)
                lengths.append(0)
                formats.append(0)
            case .text(let text):
                append(text.utf8, format: 0)
                buffer.append(0)
            case .bytes(let bytes), .array(let bytes): append(bytes, format: 1)
            }
        }
        // Never empty, so that an empty `bytea` has an address.
        buffer.append(0)
    }

    private mutating func append(_ bytes: some Collection<UInt8>, format: Int32) {
        offsets.append(buffer.count)
        lengths.append(Int32(clamping: bytes.count))
        formats.append(format)
        buffer.append(contentsOf: bytes)
    }

    func withPointers<Value>(
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?)
            -> Value
    ) -> Value {
        buffer.withUnsafeBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = offsets.map { offset in offset.flatMap { start?.advanced(by: $0) } }
            return body(Int32(clamping: offsets.count), pointers, lengths, formats)
        }
    }
}
