import Glibc

/// An in-memory development broker that speaks the Kafka protocol. Everything in it is lost when it ends.
@main
struct Main {
    static func main() {
        var stopSignals = blockStopSignals()
        let options: Options
        do { options = try Options(CommandLine.arguments.dropFirst()) } catch {
            complain("\(error)\n\(Options.usage)")
            exit(64)
        }
        do {
            let broker = try Broker(port: options.port, topics: options.topics)
            if let path = options.portFile { try writePort(broker.port, to: path) }
            say(Options.limits)
            say("DevBroker ready on 127.0.0.1:\(broker.port)")
            waitForSignal(&stopSignals)
            broker.stop()
            if let path = options.portFile { unlink(path) }
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    /// Before any thread starts, so that every thread inherits it and only ``waitForSignal(_:)`` gets them.
    private static func blockStopSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        return signals
    }

    private static func waitForSignal(_ signals: inout sigset_t) {
        var received: Int32 = 0
        while sigwait(&signals, &received) != 0 {}
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)  // whoever waits for the ready line may read a pipe
    }

    private static func complain(_ text: String) {
        let line = Array("DevBroker: \(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
