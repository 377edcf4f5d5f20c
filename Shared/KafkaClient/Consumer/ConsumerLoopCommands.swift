import CRdkafka
import Logging

/// Rebalances as they come, and the application's answers to them.
extension ConsumerLoop {
    func attend() {
        for notice in context.takeNotices() {
            switch notice {
            case .assign(let partitions): offer(partitions)
            case .revoke(let partitions, let isLost): withdraw(partitions, isLost: isLost)
            case .failure(let error): note(error)
            }
        }
    }

    private func offer(_ partitions: [TopicPartition]) {
        let number = assignment.offer(partitions)
        buffer.append(.assigned(partitions), assignment: number)
        guard partitions.isEmpty else { return }
        start([:], assignment: number)
    }

    private func withdraw(_ partitions: [TopicPartition], isLost: Bool) {
        buffer.discardRecords()
        if partitions.isEmpty || isLost {
            releaseAll()
            if isLost { buffer.append(.lost(partitions)) }
            return
        }
        let revocation = assignment.beginRevocation()
        let commands = commands
        buffer.append(
            .revoked(partitions, Acknowledgement { commands.post(.acknowledge(revocation: revocation)) })
        )
    }

    /// The library goes on trying by itself after errors it calls informational; those that need a person,
    /// or end the handle, are told to the application too.
    private func note(_ error: KafkaError) {
        let needsPerson = [RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL].map(\.rawValue)
        if error.isFatal || needsPerson.contains(error.code) { return fail(error) }
        context.logger.warning("\(error.message)", metadata: ["error": "\(error.name)"])
    }

    func grantOverdueRevocation() {
        guard assignment.isRevocationOverdue else { return }
        context.logger.warning("the application did not acknowledge a revocation in time")
        releaseAll()
    }

    func carryOutCommands() {
        for command in commands.take() {
            switch command {
            case .assign(let offsets, let number): start(offsets, assignment: number)
            case .acknowledge(let number): if assignment.isRevoking(number) { releaseAll() }
            case .pause(let partitions): buffer.resume(assignment.pause(partitions))
            case .resume(let partitions): assignment.resume(partitions).forEach(seekEnded)
            case .seek(let partition, let offset): seek(partition, to: offset)
            case .store(let partition, let offset): store(partition, offset)
            }
        }
    }

    private func start(_ offsets: [TopicPartition: Int64?], assignment number: Int) {
        guard assignment.isOffered(number) else { return }  // taken away before the answer came
        let code = assignment.accept(offsets)
        if code != RD_KAFKA_RESP_ERR_NO_ERROR { fail(KafkaError(code)) }
    }

    func releaseAll() {
        for partition in assignment.release() { buffer.seekCarriedOut(partition) }
    }

    private func seek(_ partition: TopicPartition, to offset: Int64) {
        // A seek that was put off and not carried out yet gives way to this one.
        if assignment.isSeekPending(partition) { buffer.seekCarriedOut(partition) }
        // Nil: put off until the partition is resumed.
        guard let code = assignment.seek(partition, to: offset) else { return }
        seekEnded((partition, code))
    }

    func seekEnded(_ seek: (partition: TopicPartition, code: rd_kafka_resp_err_t)) {
        buffer.seekCarriedOut(seek.partition)
        guard seek.code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        fail(KafkaError(seek.code, partition: seek.partition))
    }

    private func store(_ partition: TopicPartition, _ offset: Int64) {
        let code = assignment.store(partition, offset)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        // The partition has gone meanwhile. Its next owner starts from the last commit or the database.
        context.logger.debug(
            "an offset was not stored",
            metadata: ["error": "\(KafkaError(code).name)", "partition": "\(partition)"]
        )
    }
}
