import Glibc

/// Whole or not at all: a reader never sees a file without its number.
func writePort(_ port: UInt16, to path: String) throws(Refusal) {
    let temporary = "\(path).\(getpid())"
    guard let file = fopen(temporary, "w") else { throw Refusal("--port-file: cannot write \(temporary)") }
    let isWritten = fputs("\(port)\n", file) >= 0
    guard fclose(file) == 0, isWritten, rename(temporary, path) == 0 else {
        unlink(temporary)
        throw Refusal("--port-file: cannot write \(path)")
    }
}
