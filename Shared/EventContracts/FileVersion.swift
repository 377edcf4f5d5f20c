/// The version of a file: an epoch and a number within it.
///
/// The epoch rises each time the database is found to be another than it was, after a restore or a failover: what is written from
/// then on is newer than everything that was ever told of the file, also than what the database has forgotten. Consumers compare
/// whole versions and need not know.
public enum FileVersion {
    /// The low bits are the number.
    public static let numberBits: Int64 = 40

    public static func epoch(of version: Int64) -> Int64 { version >> numberBits }

    public static func number(of version: Int64) -> Int64 { version & ((1 << numberBits) - 1) }

    /// Whether it is the first version of a file; a file of an earlier epoch goes on at 2.
    public static func isFirst(_ version: Int64) -> Bool { number(of: version) == 1 }
}
