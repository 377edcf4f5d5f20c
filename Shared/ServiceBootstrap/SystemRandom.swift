public import Determinism

/// The kernel's generator (getrandom(2)): good for identifiers and tokens.
public struct SystemRandom: RandomSource {
    /// Makes the only random source a program needs; values are interchangeable.
    public init() {}

    /// 64 independent bits.
    public func nextUInt64() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
