/// How large each part of an upload is.
public enum PartSizes {
    /// The sizes of parts of a stream whose length nobody knows. Parts wait in memory (two of them), so they stay small
    /// as long as they can, yet 10 000 of them must reach 5 TiB:
    ///
    /// | parts | each | reaches |
    /// |---|---|---|
    /// | 1…2 000 | 8 MiB | 15.6 GiB |
    /// | 2 001…4 000 | 64 MiB | 140 GiB |
    /// | 4 001…6 000 | 256 MiB | 640 GiB |
    /// | 6 001…10 000 | 1 152 MiB | 5.02 TiB |
    public static func ofUnknownLength(part number: Int) -> Int64 {
        switch number {
        case ...2_000: 8 << 20
        case ...4_000: 64 << 20
        case ...6_000: 256 << 20
        default: 1_152 << 20
        }
    }

    /// The most bytes of memory the parts of a stream of at most `length` bytes take; nil for no limit counts as the first
    /// row of the table, which hardly any stream leaves.
    public static func memory(ofAtMost length: Int64?) -> Int64 {
        guard let length else { return 2 * ofUnknownLength(part: 1) }
        var reach: Int64 = 0
        var last = 0
        while reach < length, last < 10_000 {
            last += 2_000
            reach += 2_000 * ofUnknownLength(part: last)
        }
        return min(length, 2 * ofUnknownLength(part: last))
    }

    /// One size for all parts but the last of an object of known size: at least `minimum` and what the store demands,
    /// whole MiB where the store's limit allows, and few enough parts. Nil exactly when the store cannot hold such an object.
    public static func ofKnownLength(
        _ size: Int64,
        minimum: Int64 = 8 << 20,
        profile: StoreProfile
    ) -> Int64? {
        guard size >= 0, size <= profile.objectSizeLimit, profile.partCountLimit > 0 else { return nil }
        let needed = quotientUp(size, Int64(profile.partCountLimit))
        let least = max(1, profile.partSizeMinimum, needed)
        guard least <= profile.partSizeLimit else { return nil }
        let (padded, overflow) = max(least, minimum).addingReportingOverflow((1 << 20) - 1)
        return overflow ? profile.partSizeLimit : min((padded >> 20) << 20, profile.partSizeLimit)
    }
}
