import ObjectStore
import TestSupport
import Testing

/// Stores with limits of every kind, known and odd.
private let profiles: [StoreProfile] = {
    var aws = StoreProfile()
    aws.objectSizeLimit = StoreProfile.awsObjectSizeLimit
    var odd = StoreProfile()
    (odd.partSizeMinimum, odd.partSizeLimit, odd.partCountLimit) = (1, (6 << 20) + 7, 13)
    odd.objectSizeLimit = .max
    var endless = StoreProfile()
    (endless.partSizeLimit, endless.partCountLimit, endless.objectSizeLimit) = (.max, .max, .max)
    var one = endless
    one.partCountLimit = 1
    return [StoreProfile(), aws, odd, endless, one]
}()

/// As many short numbers as long ones, negative ones among them, and the neighbours of every power of two.
private func sizes(count: Int) -> [Int64] {
    var generator = SeededGenerator(seed: 57)
    let drawn = (0..<count).map { _ in
        Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator)
    }
    let edges = (0...62).flatMap { power in (-1...1).map { (Int64(1) << Int64(power)) + $0 } }
    return drawn + edges + [.min, .max, -1, 0]
}

@Suite("Part sizes and plans")
struct PartPlanTests {
    @Test("a stream of unknown length reaches 5 TiB with 10 000 parts no store refuses")
    func unknown() {
        let sizes = (1...10_000).map { PartSizes.ofUnknownLength(part: $0) }
        #expect(sizes.reduce(0, +) >= 5 << 40)
        #expect(sizes.allSatisfy { $0 >= 5 << 20 && $0 <= 5 << 30 })
        #expect(sizes == sizes.sorted())
    }

    @Test("every size of 64 bits has a part size within the store's limits, or none", arguments: profiles)
    func sizesOfParts(profile: StoreProfile) throws {
        var largest: Int64 = 0
        let edges = [profile.plannedSizeLimit - 1, profile.plannedSizeLimit]
        for size in (sizes(count: 20_000) + edges).sorted() {
            guard let part = PartSizes.ofKnownLength(size, profile: profile) else {
                try #require(size < 0 || size > profile.plannedSizeLimit, "\(size) has no part size")
                continue
            }
            try #require(0...profile.plannedSizeLimit ~= size, "\(size) is too much")
            try #require(profile.partSizeMinimum...profile.partSizeLimit ~= part, "\(size) in \(part)")
            let (count, rest) = size.quotientAndRemainder(dividingBy: part)
            try #require(count + (rest > 0 ? 1 : 0) <= profile.partCountLimit, "\(size) in \(part)")
            try #require(part >= largest, "the part size fell from \(largest) to \(part) at \(size)")
            largest = part
        }
        #expect(largest > 0)
    }

    @Test("the parts of a plan lie end to end and cover the object", arguments: profiles)
    func plans(profile: StoreProfile) throws {
        for size in sizes(count: 5_000) + [profile.plannedSizeLimit] {
            guard let plan = PartPlan(size: size, profile: profile) else {
                try #require(size < 0 || size > profile.plannedSizeLimit)
                continue
            }
            try #require(
                plan.size == size && plan.partSize == PartSizes.ofKnownLength(size, profile: profile)
            )
            let (whole, overflow) = plan.partSize.multipliedReportingOverflow(by: Int64(plan.partCount) - 1)
            let last = try #require(plan.length(of: plan.partCount))
            try #require(
                !overflow && whole + last == size,
                "\(size) in \(plan.partCount) of \(plan.partSize)"
            )
            try #require(plan.partCount == 1 || last >= 1)
            try #require(last <= plan.partSize)
            for number in [0, -1, plan.partCount &+ 1, .min, .max] where number < 1 || number > plan.partCount
            {
                try #require(plan.length(of: number) == nil && plan.range(of: number) == nil)
            }
            let middle = (plan.partCount + 1) / 2
            for number in [1, 2, middle, plan.partCount - 1] where (1..<plan.partCount).contains(number) {
                let part = try #require(plan.range(of: number))
                try #require(plan.range(of: number + 1)?.lowerBound == part.upperBound)
                try #require(part.upperBound - part.lowerBound == plan.partSize)
            }
        }
    }

    @Test("an empty object is one part of no bytes")
    func empty() throws {
        let plan = try #require(PartPlan(size: 0, profile: StoreProfile()))
        #expect(plan.partCount == 1)
        #expect(plan.range(of: 1) == 0..<0)
    }

    @Test("a chosen part size is taken within the limits")
    func chosen() throws {
        let plan = try #require(PartPlan(size: (20 << 20) + 1, partSize: 5 << 20, profile: StoreProfile()))
        #expect((1...plan.partCount).map { plan.length(of: $0) } == [5 << 20, 5 << 20, 5 << 20, 5 << 20, 1])
        #expect(PartPlan(size: 1, partSize: 5 << 30, profile: StoreProfile())?.partCount == 1)
        let tightest = PartPlan(size: 10_000 * 5 << 20, partSize: 5 << 20, profile: StoreProfile())
        #expect(tightest?.partCount == 10_000)
    }

    @Test("a plan that was kept is the same again, whatever the store takes today")
    func stored() throws {
        let plan = try #require(PartPlan(size: (5 << 40) - 3, profile: StoreProfile()))
        #expect(PartPlan(stored: plan.size, partSize: plan.partSize) == plan)
        #expect(PartPlan(stored: .max, partSize: 1)?.length(of: .max) == 1)
        for (size, partSize) in [(-1, 1), (1, 0), (1, -1), (.min, .min)] as [(Int64, Int64)] {
            #expect(PartPlan(stored: size, partSize: partSize) == nil)
        }
    }

    @Test(
        "what the store cannot take is refused with the limit",
        arguments: [
            (-1, nil, .negativeSize),
            ((5 << 40) + 1, nil, .objectTooLarge(limit: 5 << 40)),
            (.max, 5 << 30, .objectTooLarge(limit: 5 << 40)),
            (1, (5 << 20) - 1, .partSizeOutside((5 << 20)...(5 << 30))),
            (1, (5 << 30) + 1, .partSizeOutside((5 << 20)...(5 << 30))),
            (1, 0, .partSizeOutside((5 << 20)...(5 << 30))),
            (1, .min, .partSizeOutside((5 << 20)...(5 << 30))),
            (
                (10_000 * 5 << 20) + 1, 5 << 20,
                .tooManyParts(limit: 10_000, leastPartSize: (5 << 20) + 1)
            ),
        ] as [(Int64, Int64?, PartPlan.Refusal)]
    )
    func refused(size: Int64, partSize: Int64?, reason: PartPlan.Refusal) {
        #expect(throws: reason) {
            try PartPlan.plan(size: size, partSize: partSize, profile: StoreProfile())
        }
        #expect(PartPlan(size: size, partSize: partSize, profile: StoreProfile()) == nil)
    }
}
