/// One element of an answer: names without their prefix, attributes dropped, text as it stands.
struct XMLElement: Equatable, Sendable {
    var name: String
    var text = ""
    var children: [XMLElement] = []

    func first(_ name: String) -> XMLElement? { children.first { $0.name == name } }
    func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// A child's text, nil when there is none or it is empty.
    func text(_ name: String) -> String? {
        guard let index = children.firstIndex(where: { $0.name == name }), !children[index].text.isEmpty
        else {
            return nil
        }
        return children[index].text
    }

    func integer(_ name: String) -> Int64? { text(name).flatMap { Int64($0) } }
    func isTrue(_ name: String) -> Bool { text(name)?.lowercased() == "true" }
}

/// A document without attributes, as S3's requests are.
struct XMLWriter {
    private(set) var text: String
    private let root: String

    init(root: String) {
        self.root = root
        text = "<\(root) xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    }

    mutating func element(_ name: String, _ value: String) {
        text += "<\(name)>\(Self.escaped(value))</\(name)>"
    }

    mutating func element(_ name: String, _ body: (inout XMLWriter) -> Void) {
        text += "<\(name)>"
        body(&self)
        text += "</\(name)>"
    }

    consuming func finish() -> String { "\(text)</\(root)>" }

    /// Control characters go as references, so that what a strict parser allows of them survives, a carriage return above all.
    static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&apos;"
            case "\u{0}"..."\u{1F}", "\u{7F}": escaped += "&#\(scalar.value);"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
