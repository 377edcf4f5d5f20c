import Dispatch
import Foundation

/// Ctrl-C and SIGTERM leave nothing behind: no program, no database.
///
/// Sendable because its sources are made once and never touched again.
final class Interruption: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    init(of site: Site) {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                Task {
                    await site.close()
                    exit(128 + number)
                }
            }
            source.activate()
            return source
        }
    }
}
