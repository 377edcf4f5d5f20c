public import FaultPoints
public import ServiceBootstrap

extension SettingsReader {
    /// `WAYBILL_CRASH_AT`, in debug builds only: where this process is to die, for the fault tests.
    public mutating func faults() -> any Faults {
        #if DEBUG
            guard let text = optionalText("WAYBILL_CRASH_AT") else { return NoFaults() }
            guard let crash = CrashOnce(text) else {
                report("WAYBILL_CRASH_AT names no fault point: \(text)")
                return NoFaults()
            }
            return crash
        #else
            return NoFaults()
        #endif
    }
}
