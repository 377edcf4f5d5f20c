import Synchronization

/// A number that only grows.
public final class Counter: Sendable {
    private let total = Atomic<UInt64>(0)

    /// Negative amounts are ignored; the sum wraps, which Prometheus reads as a restart.
    public func increment(by amount: Int = 1) {
        guard amount > 0 else { return }
        total.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    public var value: UInt64 { total.load(ordering: .relaxed) }
}

/// A number that goes up and down.
public final class Gauge: Sendable {
    private let bits = AtomicDouble()

    public func set(_ value: Double) { bits.store(value) }
    public func add(_ amount: Double) { bits.add(amount) }
    public var value: Double { bits.load() }
}

/// Counts observations in fixed buckets.
public final class Histogram: Sendable {
    /// Upper limits, ascending, without +Inf.
    let bounds: [Double]
    private let counts: Mutex<[UInt64]>
    private let total = AtomicDouble()

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Mutex(Array(repeating: 0, count: bounds.count + 1))
    }

    /// Records one observation; NaN is ignored.
    public func observe(_ value: Double) {
        guard !value.isNaN else { return }
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        counts.withLock { $0[index] &+= 1 }
        total.add(value)
    }

    public func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        observe(Double(seconds) + Double(attoseconds) / 1e18)
    }

    var snapshot: (counts: [UInt64], sum: Double) { (counts.withLock { $0 }, total.load()) }
}

/// A `Double` that many threads add to.
final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
    func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var seen = bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: seen) + amount
            let (exchanged, original) = bits.compareExchange(
                expected: seen,
                desired: sum.bitPattern,
                ordering: .relaxed
            )
            if exchanged { return }
            seen = original
        }
    }
}
