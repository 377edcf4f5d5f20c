/// A name for a new file on this machine, made of what somebody else called it: never a path, never hidden by accident,
/// never longer than file systems take.
///
/// - Returns: nil when nothing is left.
func safeFileName(_ name: String) -> String? {
    let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
    var safe = ""
    for character in plain(last) where safe.utf8.count + character.utf8.count <= 200 {
        safe.append(character)
    }
    return ["", ".", ".."].contains(safe) ? nil : safe
}
