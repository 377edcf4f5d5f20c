import Foundation

/// What a program wrote, byte for byte.
struct ProgramOutput: Sendable {
    var standardOutput: [UInt8] = []
    var standardError: [UInt8] = []

    var text: String { String(decoding: standardOutput + standardError, as: UTF8.self) }

    /// For a test that did not end well: its programs are gone when somebody looks.
    func keep(of name: String) {
        let path = "\(NSTemporaryDirectory())/\(name).\(UUID().uuidString.prefix(8)).log"
        guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else { return }
        FileHandle.standardError.write(Data("what \(name) wrote is in \(path)\n".utf8))
    }
}
