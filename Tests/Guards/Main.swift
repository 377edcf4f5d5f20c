import Foundation

/// START HERE: does one kernel's work a number of times, for whoever counts the instructions (`deploy/guards`).
///
///     Guards KERNEL TIMES
@main
struct Main {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 2, let kernel = arguments.first.flatMap({ Kernel(rawValue: $0) }),
            let times = arguments.last.flatMap({ Int($0) }), times > 0
        else {
            let names = Kernel.allCases.map(\.rawValue).joined(separator: " | ")
            FileHandle.standardError.write(Data("usage: Guards \(names) TIMES\n".utf8))
            exit(64)
        }
        do { try kernel.run(times: times) } catch {
            FileHandle.standardError.write(Data("\(kernel.rawValue): \(error)\n".utf8))
            exit(1)
        }
    }
}
