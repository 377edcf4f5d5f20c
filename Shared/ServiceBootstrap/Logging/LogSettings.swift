import Logging

/// The one setting every program shares.
struct LogSettings {
    static let levelName = "WAYBILL_LOG_LEVEL"
    let level: Logger.Level

    init(_ environment: [String: String]) throws(ConfigurationError) {
        var reader = SettingsReader(environment: environment, ownPrefix: Self.levelName)
        level = reader.choice(Self.levelName, default: Logger.Level.info)
        try reader.finish()
    }
}
