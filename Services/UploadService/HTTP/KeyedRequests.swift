import Digests
import HTTPServing
import HTTPTypes
import Hummingbird
import SortedJSON

import struct FoundationEssentials.UUID
import typealias FoundationEssentials.uuid_t

extension KeySlot {
    /// - Parameter facts: whatever else than method, path and caller makes the request what it is, in a fixed order.
    /// - Returns: nil for a request without `Idempotency-Key`.
    static func read(_ request: Request, of owner: Owner, _ facts: [String?]) throws(RequestRefusal)
        -> KeySlot?
    {
        guard let key = try IdempotencyKey.read(request.headers) else { return nil }
        return KeySlot(owner: owner, key: key, fingerprint: RequestFingerprint(request, of: owner, facts))
    }

    /// Of one part of the request, which has an effect of its own.
    ///
    /// - Parameter number: from 1 on.
    func item(_ number: Int, _ facts: [String?]) -> KeySlot {
        KeySlot(
            owner: owner,
            key: key,
            item: number,
            fingerprint: fingerprint.ofPart(facts)
        )
    }
}

extension KeySlot {
    /// An id that follows from caller and key alone (RFC 9562, version 8): what the request makes under it, it makes once.
    var derivedID: UUID {
        var bytes = RequestFingerprint([owner.tenant, owner.name, key.text, "upload"]).digest.bytes
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}

extension IdempotencyKeys {
    /// Serves a request that has the same answer however often it is sent; its key must only not be used for anything else. A
    /// refusal has changed nothing, and lets the key go.
    func reserving<Value>(_ slot: KeySlot?, _ serve: () async throws -> Value) async throws -> Value {
        guard let slot, let claim = try await reserve(slot) else { return try await serve() }
        do { return try await serve() } catch {
            if let failure = error as? any ProblemConvertible, failure.problem.status < 500 {
                _ = try? await release(claim)
            }
            throw error
        }
    }

    /// Serves a request, or answers as it was answered before. Without a key it is just served.
    ///
    /// - Parameter serve: stores its answer under the claim, in the transaction of its effect (`KeyedAnswer`). When it
    ///   throws, the key is let go.
    func once(
        _ slot: KeySlot?,
        _ serve: (KeyClaim?) async throws -> StoredAnswer
    ) async throws -> StoredAnswer {
        guard let slot else { return try await serve(nil) }
        switch try await claim(slot) {
        case .answered(let answer): return answer
        case .claimed(let claim):
            do { return try await serve(claim) } catch {
                guard let answer = try await release(claim) else { throw error }
                return answer
            }
        }
    }
}

extension StoredAnswer {
    /// - Parameter file: what the request has made.
    init(
        _ document: some Encodable,
        status: HTTPResponse.Status = .ok,
        location: String? = nil,
        made file: UUID? = nil,
        isRepeat: Bool = false
    ) throws {
        self.init(
            status: status.code,
            location: location,
            body: try SortedJSON.text(of: document),
            madeFile: file,
            isRepeat: isRepeat
        )
    }

    var response: Response {
        var fields: HTTPFields = [:]
        if let location { fields[.location] = location }
        if isRepeat { fields[.idempotencyReplayed] = "true" }
        return .json(
            bytes: ByteBuffer(string: body),
            status: HTTPResponse.Status(code: status),
            fields: fields
        )
    }
}
