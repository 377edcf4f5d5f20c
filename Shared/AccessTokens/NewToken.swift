public import Determinism

/// Makes a bearer token: `wb_` and 256 random bits, hexadecimal. Shown once, never stored.
public func newAccessToken(from random: some RandomSource) -> String {
    "wb_" + random.bytes(count: 32).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
