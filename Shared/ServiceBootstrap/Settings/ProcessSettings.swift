import FoundationEssentials

extension SettingsReader {
    /// Reads this process's own environment, for commands that are not run by `runProgram`.
    public static func ofThisProcess() -> SettingsReader {
        SettingsReader(environment: ProcessInfo.processInfo.environment)
    }
}
