import ServiceBootstrap
import ServiceParts

extension Wiring {
    /// What looks after the whole: whether the database is the one it was, what it may have forgotten, whether a file still makes
    /// its way.
    func watches(_ config: UploadConfig, _ bucket: BucketIdentity, _ frame: ProgramFrame) -> [ProgramService]
    {
        SafeMode.show(surroundings.pool, in: surroundings.metrics, surroundings.health)
        let incarnation = IncarnationWatch(
            pool: surroundings.pool,
            marks: EpochMarks(store: surroundings.store, bucket: bucket),
            high: HighWaterMarks(store: surroundings.store, bucket: bucket, service: "upload"),
            time: frame.time,
            random: frame.random,
            logger: frame.makeLogger("incarnation")
        )
        let survey = LossSurvey(
            pool: surroundings.pool,
            store: surroundings.store,
            bucket: bucket,
            indexer: surroundings.indexer,
            time: frame.time,
            logger: frame.makeLogger(LossSurvey.name),
            requestsPerSecond: surroundings.checks.requestsPerSecond
        )
        var watches = [
            ProgramService(incarnation),
            ProgramService(
                Rounds(LossSurvey.name, every: .seconds(30), surroundings) {
                    try await survey.surveyIfMissing()
                }
            ),
        ]
        let canaryInterval = config.rounds.canaryInterval
        if canaryInterval > .zero {
            Canary.show(every: canaryInterval, surroundings)
            watches.append(ProgramService(canary(every: canaryInterval)))
        }
        if config.rounds.checkInterval > .zero {
            let round = ConsistencyRound(checks: checks, repairs: repairs)
            watches.append(ProgramService(scheduler(round, config.rounds)))
        }
        return watches
    }

    func canary(every interval: Duration) -> Rounds {
        let canary = Canary(
            receive: receive,
            actions: actions,
            pool: surroundings.pool,
            store: surroundings.store,
            indexer: surroundings.indexer,
            time: surroundings.time,
            random: surroundings.random,
            patience: max(interval, .seconds(60))
        )
        return Rounds(Canary.name, every: interval, surroundings) { try await canary.circle() }
    }

    /// - Parameter work: what checks, plans and cleans.
    func scheduler(_ work: any ScheduledWork, _ settings: RoundSettings) -> Rounds {
        let scheduler = Scheduler(
            work,
            cleansAutomatically: settings.cleansAutomatically,
            // One run that was missed is passed over.
            checkAgeLimit: settings.checkInterval * 2,
            pool: surroundings.pool,
            metrics: surroundings.metrics,
            logger: surroundings.makeLogger(Scheduler.name)
        )
        let interval = settings.checkInterval
        let jitter = Scheduler.jitterLimit(every: interval)
        return Rounds(Scheduler.name, every: interval, jitter: jitter, surroundings) {
            try await scheduler.run()
        }
    }
}
