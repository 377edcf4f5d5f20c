import Digests
import HTTPServing
import HTTPTypes

/// What a client says the SHA-256 of its bytes is. Declared twice it must be declared the same.
enum DeclaredDigest {
    /// From `Repr-Digest` or `Content-Digest` (RFC 9530: for a body without content coding the two mean the same),
    /// `X-Content-SHA256`, and the parameter `sha256`.
    static func read(
        _ fields: HTTPFields,
        parameter: String?
    ) throws(RequestRefusal) -> Digest256? {
        var found: Digest256?
        func accept(_ digest: Digest256) throws(RequestRefusal) {
            guard found == nil || found == digest else {
                throw .digest("The request declares two different SHA-256 digests.")
            }
            found = digest
        }
        for name in [HTTPField.Name.reprDigest, .contentDigest] {
            for value in fields[values: name] {
                for digest in try dictionary(value) { try accept(digest) }
            }
        }
        for value in fields[values: .xContentSHA256] { try accept(try hex(value)) }
        if let parameter { try accept(try hex(parameter)) }
        return found
    }

    static func hex(_ text: String) throws(RequestRefusal) -> Digest256 {
        guard let digest = Digest256(hex: text) else {
            throw .digest("A SHA-256 must be 64 hexadecimal digits.")
        }
        return digest
    }

    /// The members named `sha-256`; other algorithms are passed over, as section 2 of the RFC allows.
    private static func dictionary(_ value: String) throws(RequestRefusal) -> [Digest256] {
        var digests: [Digest256] = []
        for member in value.split(separator: ",") {
            let text = member.drop { $0 == " " || $0 == "\t" }
            let equals = text.firstIndex(of: "=") ?? text.endIndex
            guard text[..<equals].lowercased() == "sha-256" else { continue }
            var bytes = text[equals...].dropFirst()
            while let last = bytes.last, last == " " || last == "\t" { bytes.removeLast() }
            guard bytes.count > 2, bytes.first == ":", bytes.last == ":",
                let digest = Digest256(base64: String(bytes.dropFirst().dropLast()))
            else {
                throw .digest("A digest field must be of the form sha-256=:<base64 of 32 bytes>:.")
            }
            digests.append(digest)
        }
        return digests
    }
}

extension HTTPField.Name {
    static let reprDigest = constant("Repr-Digest")
    static let contentDigest = constant("Content-Digest")
    static let xContentSHA256 = constant("X-Content-SHA256")
}
