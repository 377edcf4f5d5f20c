public import FaultPoints

extension Faults {
    /// A crash inside a step leaves the saga as a dead process would: claimed, until its lease runs out.
    public func step(_ point: FaultPoint) throws(StepFailure) {
        do { try reach(point) } catch { throw .lost }
    }
}
