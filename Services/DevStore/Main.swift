import Determinism
import Glibc
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceBootstrap
import ServiceLifecycle
import UnixSignals

/// START HERE: options, the store from its files, the server, the sweep; SIGTERM ends it with 0.
@main
enum Program {
    private static let ioThreadCount = 8

    static func main() async {
        let options: Options
        do throws(Options.Complaint) { options = try Options(Array(CommandLine.arguments.dropFirst())) } catch
        {
            say(
                error.sentences.map { "DevStore: \($0)\n" }.joined() + Options.usage + "\n",
                to: STDERR_FILENO
            )
            exit(64)
        }
        // A client that goes away must not end the store.
        signal(SIGPIPE, SIG_IGN)
        do { try await run(options) } catch let error as FileError {
            say("DevStore: \(error.answer.message) (\(options.data))\n", to: STDERR_FILENO)
            exit(1)
        } catch {
            say("DevStore: \(error)\n", to: STDERR_FILENO)
            exit(1)
        }
    }

    private static func run(_ options: Options) async throws {
        var logger = Logger(label: "DevStore")
        logger.logLevel = .warning
        let time = SystemTime()
        let threads = IOThreads(count: ioThreadCount)
        let store = try await withTaskExecutorPreference(threads) {
            let store = try Store(root: options.data, time: time, logger: logger)
            for name in options.buckets { _ = try store.createBucket(name, hasObjectLock: false) }
            return store
        }
        let channel = StoreChannel(http: http(options, store, time, logger), threads: threads)
        let server = channel.server(
            configuration: .init(address: .hostname("127.0.0.1", port: options.port)),
            onServerRunning: { announce($0.localAddress?.port ?? 0, options) },
            eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount),
            logger: logger
        )
        let sweep = Sweep(sweep: LifecycleSweep(store: store, logger: logger), threads: threads)
        var configuration = ServiceGroupConfiguration(
            services: [server, sweep],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = .seconds(10)
        try await ServiceGroup(configuration: configuration).run()
    }

    private static func http(
        _ options: Options,
        _ store: Store,
        _ time: SystemTime,
        _ logger: Logger
    ) -> HTTP1Channel {
        let keys = KeyRing(options.grants)
        let operations = Operations(
            store: store,
            region: options.region,
            keys: keys,
            uploadIDs: UploadIDs(random: SystemRandom())
        )
        let authenticator = Authenticator(keys: keys, region: options.region, time: time)
        #if DEBUG
            let responder = Responder(
                operations: operations,
                authenticator: authenticator,
                time: time,
                logger: logger,
                faults: FaultInjector(time: time)
            )
        #else
            let responder = Responder(
                operations: operations,
                authenticator: authenticator,
                time: time,
                logger: logger
            )
        #endif
        return HTTP1Channel(responder: responder.respond)
    }

    private static func announce(_ port: Int, _ options: Options) {
        if let path = options.portFile {
            let temporary = "\(path).new"
            unlink(temporary)
            do throws(FileError) {
                let text = Array("\(port)\n".utf8)
                try File(creating: temporary).write(text)
                try Files.rename(temporary, to: path)
            } catch {
                say(
                    "DevStore: the port file could not be written: \(error.answer.message)\n",
                    to: STDERR_FILENO
                )
            }
        }
        say("DevStore is for development only: loopback only, no TLS, writes are not flushed to the disk.\n")
        #if DEBUG
            say("DevStore is a debug build: faults can be injected at /_faults.\n")
        #endif
        say("DevStore ready on http://127.0.0.1:\(port)\n")
    }

    private static func say(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
        let bytes = Array(text.utf8)
        _ = write(descriptor, bytes, bytes.count)
    }
}

/// The lifecycle sweep as a service that ends when the others do.
private struct Sweep: Service {
    let sweep: LifecycleSweep
    let threads: IOThreads

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskExecutorPreference(threads) { try? await sweep.run() }
        }
    }
}
