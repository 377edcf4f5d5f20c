/// Values of one thing, one per round.
struct Statistics: Equatable, Sendable {
    private let ascending: [Double]

    /// - Parameter values: at least one.
    init(_ values: [Double]) { ascending = values.sorted() }

    var count: Int { ascending.count }
    var least: Double { ascending.first ?? .nan }
    var most: Double { ascending.last ?? .nan }
    var median: Double { quantile(0.5) }

    /// How far the values lie apart: the distance between the quartiles by the median. One round in which something
    /// else used the machine does not count, two of five do. Values that are all the same do not lie apart.
    var spread: Double {
        let distance = quantile(0.75) - quantile(0.25)
        return distance == 0 ? 0 : distance / abs(median)
    }

    /// - Parameter share: 0 to 1; what lies between two values is interpolated.
    func quantile(_ share: Double) -> Double {
        guard let last = ascending.indices.last else { return .nan }
        let place = min(max(share, 0), 1) * Double(last)
        let below = Int(place)
        let above = min(below + 1, last)
        return ascending[below] + (ascending[above] - ascending[below]) * (place - Double(below))
    }
}
