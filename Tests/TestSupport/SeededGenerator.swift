/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same test again, on every machine.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Eight at a time: byte by byte, tens of MiB keep a thread of a debug build for many seconds, and whoever reads a
    /// response on it meanwhile looks like a client that has stalled.
    public mutating func bytes(count: Int) -> [UInt8] {
        let words = [UInt64](unsafeUninitializedCapacity: (count + 7) / 8) { buffer, filled in
            for index in buffer.indices { buffer[index] = next() }
            filled = buffer.count
        }
        return words.withUnsafeBytes { Array($0.prefix(count)) }
    }
}
