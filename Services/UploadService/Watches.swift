import ServiceBootstrap
import ServiceParts

extension Wiring {
    /// What looks after the whole: whether the database is the one it was, whether all is consistent, whether a file still makes its way.
    func watches(_ config: UploadConfig, _ bucket: BucketIdentity, _ frame: ProgramFrame) -> [ProgramService] {
        let incarnation = IncarnationWatch(
            pool: surroundings.pool,
            marks: EpochMarks(store: surroundings.store, bucket: bucket),
            time: frame.time,
            random: frame.random,
            logger: frame.makeLogger("incarnation")
        )
        return [ProgramService(incarnation)]
    }
}
