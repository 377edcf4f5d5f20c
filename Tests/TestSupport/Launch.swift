import CSpawn
import Foundation

/// One `posix_spawn` with each output in a pipe.
///
/// Debian's `setpriv` sets the parent-death signal and then executes the program under the same process id.
struct Launch: Sendable {
    private let command: [String]
    private let environment: [String]

    init(_ path: String, _ arguments: [String], environment: [String: String]) {
        let setpriv = "/usr/bin/setpriv"
        let guardian =
            FileManager.default.isExecutableFile(atPath: setpriv)
            ? [setpriv, "--pdeathsig", "KILL", "--"] : []
        command = guardian + [path] + arguments
        self.environment = environment.map { "\($0.key)=\($0.value)" }
    }

    /// Must be called on a thread that outlives the child. The child inherits nothing else: with the end of a pipe or of a
    /// connection in a stranger's hands, whoever waits for it to be closed would wait for the stranger too.
    func run() throws -> (pid_t, output: FileHandle, errors: FileHandle) {
        let (output, errors) = (try OutputPipe(), try OutputPipe())
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.writeEnd, 1)
        posix_spawn_file_actions_adddup2(&actions, errors.writeEnd, 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var unblocked = sigset_t()
        sigemptyset(&unblocked)
        posix_spawnattr_setsigmask(&attributes, &unblocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var processID: pid_t = 0
        let code = withCStrings(command) { arguments in
            withCStrings(environment) { variables in
                posix_spawn(&processID, command[0], &actions, &attributes, arguments, variables)
            }
        }
        close(output.writeEnd)
        close(errors.writeEnd)
        guard code == 0 else { throw TestProgramFailure.notStarted(command[0], errno: code) }
        return (processID, output.readEnd, errors.readEnd)
    }
}

/// Not for children of anybody else either.
private struct OutputPipe {
    let readEnd: FileHandle
    let writeEnd: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw TestProgramFailure.notStarted("pipe2", errno: errno) }
        readEnd = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        writeEnd = ends[1]
    }
}

/// Lends a NULL-terminated array of C strings for the length of one call.
private func withCStrings<Value>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
) -> Value {
    let pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return (pointers + [nil]).withUnsafeBufferPointer { buffer in
        // A non-empty array always has a base address: at least the terminator is there.
        body(buffer.baseAddress.unsafelyUnwrapped)
    }
}
