/// Who waits for a connection, first come first served. Leaving early costs nothing but a look-up.
struct WaitingLine<Waiter> {
    private struct Place {
        let waiter: Waiter
        let deadline: Duration
    }
    private var places: [UInt64: Place] = [:]
    private var order: [UInt64] = []
    private var head = 0

    var count: Int { places.count }
    var isEmpty: Bool { places.isEmpty }

    mutating func append(_ waiter: Waiter, id: UInt64, deadline: Duration) {
        places[id] = Place(waiter: waiter, deadline: deadline)
        order.append(id)
    }

    mutating func popFirst() -> Waiter? {
        skipLeft()
        guard head < order.count else { return nil }
        let id = order[head]
        return remove(id)
    }

    mutating func remove(_ id: UInt64) -> Waiter? {
        let place = places.removeValue(forKey: id)
        skipLeft()
        return place?.waiter
    }

    /// Every waiter has the same limit, so the first in line is the first to run out of time.
    var firstDeadline: Duration? { head < order.count ? places[order[head]]?.deadline : nil }

    mutating func removeAll() -> [Waiter] {
        var waiters: [Waiter] = []
        while let waiter = popFirst() { waiters.append(waiter) }
        return waiters
    }

    /// Keeps `head` on someone who still waits; forgets the passed part when it is most of the array.
    private mutating func skipLeft() {
        while head < order.count, places[order[head]] == nil { head += 1 }
        if head == order.count {
            order.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 64, head > order.count / 2 {
            order.removeFirst(head)
            head = 0
        }
    }
}
