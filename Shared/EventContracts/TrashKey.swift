public import Determinism

public import struct FoundationEssentials.UUID

/// Where an object lies that was taken out of service: `.waybill/trash/<yyyy-mm-dd>/<plan>/<object key>`.
///
/// Follows from day, plan and key alone, so that whoever reads an order can tell whether its trash key belongs to it.
public struct TrashKey: Hashable, Sendable {
    /// Keys under it are not files.
    public static let prefix = ".waybill/trash/"

    public let text: String

    public init(plan: UUID, objectKey: ObjectKey, on instant: Timestamp) {
        text = "\(Self.prefix)\(instant.date.text)/\(plan.text)/\(objectKey.text)"
    }

    /// - Returns: nil when `text` is not the trash key of exactly this plan and object.
    public init?(_ text: String, plan: UUID, objectKey: String) {
        let tail = "/\(plan.text)/\(objectKey)"
        guard text.hasPrefix(Self.prefix), text.hasSuffix(tail),
            text.utf8.count == Self.prefix.utf8.count + 10 + tail.utf8.count
        else { return nil }
        let day = text.utf8.dropFirst(Self.prefix.utf8.count).prefix(10)
        let isDay = day.enumerated().allSatisfy { place, byte in
            place == 4 || place == 7
                ? byte == UInt8(ascii: "-") : (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard isDay else { return nil }
        self.text = text
    }
}
