import KafkaClient
import TransactionalOutbox

/// Keys whose rows wait until an operator has them tried again.
extension Publisher {
    /// Tries the parked rows of `key`, or of every key, again, one by one in the order of ids.
    ///
    /// - Returns: how many were published, and the keys that still wait.
    func unpark(_ key: String?) async throws -> (publishedCount: Int, stillParked: [String]) {
        var count = 0
        var stillParked: [String] = []
        for key in key.map({ [$0] }) ?? parkedKeys.sorted() {
            if try await publishParked(key, &count) {
                parkedKeys.remove(key)
            } else {
                stillParked.append(key)
            }
        }
        return (count, stillParked)
    }

    /// - Returns: false when a row still cannot be published: it and those behind it stay parked.
    private func publishParked(_ key: String, _ count: inout Int) async throws -> Bool {
        while let row = try await ticks.parkedRows(of: key, after: 0, limit: 1).first {
            switch await producer.produce([ProducerRecord(row)]).first {
            case .acked:
                try await ticks.unpark(key, through: row.id, by: leader)
                figures.record(publishedCount: 1)
                count += 1
            case .failed(let error) where error.isUnpublishable:
                if producer.fatalError != nil { try await renewProducer() }
                return false
            case .failed(let error): throw RelayFailure.producer(error)
            case nil: throw RelayFailure.producer(nil)
            }
        }
        return true
    }
}
