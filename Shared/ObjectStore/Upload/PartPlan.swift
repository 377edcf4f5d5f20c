/// How an object of known size is cut: `partCount` parts of `partSize` bytes each, the last of which may be shorter. An
/// empty object is one part of no bytes. The parts are numbered from 1, as S3 numbers them.
public struct PartPlan: Equatable, Sendable {
    /// Why a store cannot take an object cut that way.
    public enum Refusal: Error, Equatable, Sendable {
        case negativeSize
        /// The store holds objects of at most so many bytes, and no more than it takes parts for.
        case objectTooLarge(limit: Int64)
        /// The chosen part size is not one the store takes.
        case partSizeOutside(ClosedRange<Int64>)
        /// Of the chosen size there would be more parts than the store takes; they must be at least so long.
        case tooManyParts(limit: Int, leastPartSize: Int64)
    }

    /// Bytes of the whole object.
    public let size: Int64
    /// Bytes of every part but the last, which has the rest.
    public let partSize: Int64
    public let partCount: Int

    /// With a part size of the caller's choice, or one that grows with the object. Nil when the store cannot take it;
    /// `plan(size:partSize:profile:)` says why.
    public init?(size: Int64, partSize: Int64? = nil, profile: StoreProfile) {
        guard let plan = try? Self.plan(size: size, partSize: partSize, profile: profile) else { return nil }
        self = plan
    }

    /// A plan that was made before and kept, whatever the store takes today. Nil for numbers no plan has.
    public init?(stored size: Int64, partSize: Int64) {
        guard size >= 0, partSize > 0 else { return nil }
        self.init(size: size, partSize: partSize)
    }

    /// - Throws: `Refusal`.
    public static func plan(
        size: Int64,
        partSize: Int64? = nil,
        profile: StoreProfile
    ) throws(Refusal) -> PartPlan {
        guard size >= 0 else { throw .negativeSize }
        guard let planned = PartSizes.ofKnownLength(size, profile: profile) else {
            throw .objectTooLarge(limit: profile.plannedSizeLimit)
        }
        guard let partSize else { return PartPlan(size: size, partSize: planned) }
        let least = max(1, profile.partSizeMinimum)
        guard (least...max(least, profile.partSizeLimit)).contains(partSize) else {
            throw .partSizeOutside(least...max(least, profile.partSizeLimit))
        }
        let plan = PartPlan(size: size, partSize: partSize)
        guard plan.partCount <= profile.partCountLimit else {
            throw .tooManyParts(
                limit: profile.partCountLimit,
                leastPartSize: quotientUp(size, Int64(profile.partCountLimit))
            )
        }
        return plan
    }

    private init(size: Int64, partSize: Int64) {
        self.size = size
        self.partSize = partSize
        partCount = Int(max(1, quotientUp(size, partSize)))
    }

    /// Bytes of that part; nil when there is none of that number.
    public func length(of number: Int) -> Int64? {
        range(of: number).map { $0.upperBound - $0.lowerBound }
    }

    /// Where that part lies in the object; nil when there is none of that number.
    public func range(of number: Int) -> Range<Int64>? {
        guard (1...partCount).contains(number) else { return nil }
        // Never beyond the last part's beginning, which is inside the object: no product here is larger than `size`.
        let start = Int64(number - 1) * partSize
        return start..<(number == partCount ? size : start + partSize)
    }
}

/// Of whole numbers, none negative and the divisor not zero; cannot overflow.
func quotientUp(_ value: Int64, _ divisor: Int64) -> Int64 {
    value / divisor + (value % divisor > 0 ? 1 : 0)
}

extension StoreProfile {
    /// The largest object that can be planned for: what the store holds, and what its parts add up to.
    public var plannedSizeLimit: Int64 {
        let (product, overflow) = partSizeLimit.multipliedReportingOverflow(by: Int64(partCountLimit))
        return overflow ? objectSizeLimit : min(objectSizeLimit, product)
    }
}
