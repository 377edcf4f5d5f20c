import Foundation

/// A word that code may not hold, and where it may after all.
struct ForbiddenWord: Sendable {
    let pattern: String
    let reason: String
    /// Beginnings of paths, each with the reason why the word is right there.
    let exceptions: [String: String]

    init(_ pattern: String, _ reason: String, except exceptions: [String: String] = [:]) {
        self.pattern = pattern
        self.reason = reason
        self.exceptions = exceptions
    }

    /// Where the word stands, exceptions included.
    func occurrences(in file: SourceFile) -> [Finding] {
        // ICU and not Regex: hundreds of files, dozens of words, seconds instead of minutes; and `\b` is plain here,
        // while to Unicode's rules the letters around a point are one word.
        guard let regex = try? NSRegularExpression(pattern: pattern) else {
            return [Finding(path: file.path, line: 0, what: "unusable pattern \(pattern)")]
        }
        let code = file.code.lines.joined(separator: "\n")
        let units = Array(code.utf16)
        let matches = regex.matches(in: code, range: NSRange(location: 0, length: units.count))
        return matches.map { match in
            let line = units[..<match.range.location].count { $0 == 0x0A } + 1
            return Finding(path: file.path, line: line, what: reason)
        }
    }

    func findings(in file: SourceFile) -> [Finding] {
        exceptions.keys.contains { file.path.hasPrefix($0) } ? [] : occurrences(in: file)
    }
}

enum ForbiddenWords {
    private static let bootstrap = "Shared/ServiceBootstrap/"
    private static let here = "the one place"

    /// Clocks, randomness and the environment reach the product as parameters.
    static let ambient: [ForbiddenWord] = [
        ForbiddenWord(#"\bProcessInfo\b"#, "environment", except: [bootstrap: here]),
        ForbiddenWord(#"\b(secure_)?getenv\("#, "environment"),
        ForbiddenWord(#"\bDate\(\)|\bDate\.now\b"#, "wall clock"),
        ForbiddenWord(#"\bUUID\(\)"#, "randomness"),
        ForbiddenWord(#"\bTask\.sleep\b"#, "sleep", except: [bootstrap: here]),
        ForbiddenWord(#"\b(Continuous|Suspending)Clock\b|\bDispatchTime\b"#, "clock"),
        ForbiddenWord(
            #"\bclock_gettime\("#,
            "clock",
            except: [
                bootstrap: here,
                "Shared/KafkaClient/Handle/MonotonicDeadline.swift":
                    "librdkafka's own timeouts: they bound C calls on the poll thread",
            ]
        ),
        ForbiddenWord(#"\bSystemRandomNumberGenerator\b"#, "randomness", except: [bootstrap: here]),
        ForbiddenWord(#"\.random\((in: [^,()]*)?\)|\.(shuffled|shuffle|randomElement)\(\)"#, "randomness"),
        ForbiddenWord(
            #"\b(u|nano)?sleep\(\d"#,
            "sleep",
            except: [
                "Shared/PostgresClient/EventLoop.swift": "its own thread, when epoll itself is out of order",
                "Shared/ServiceBootstrap/Logging/LogOutput.swift": "its own queue, while lines gather",
            ]
        ),
    ]

    /// Ways to end the process or to say things past the log.
    static let abrupt: [ForbiddenWord] = [
        ForbiddenWord(
            #"\bprint\("#,
            "print",
            except: [
                "Services/WaybillCLI/Output.swift": "a command's output",
                "Services/DevBroker/Main.swift": "the ready line",
            ]
        ),
        ForbiddenWord(#"\b(debugPrint|dump|NSLog)\("#, "print"),
        ForbiddenWord(#"\btry!"#, "try!"),
        ForbiddenWord(#"\bas!"#, "forced cast"),
        ForbiddenWord(#"[\w)\]>]!(?!=)"#, "force unwrap"),
        ForbiddenWord(#"\bfatalError\("#, "fatalError"),
        ForbiddenWord(
            #"\b(precondition|preconditionFailure|assertionFailure|assert)\("#,
            "trap",
            except: [
                "Shared/Digests/":
                    "libcrypto without memory or without SHA-256; nothing true can be answered",
                "Shared/PostgresClient/EventLoop.swift": "what SerialExecutor.checkIsolated is for",
                "Shared/HTTPServing/Routing/FieldName.swift": "constants of the program",
                "Shared/ServiceBootstrap/Metrics/MetricsRegistry.swift":
                    "names of metrics are constants of the program",
            ]
        ),
        ForbiddenWord(#"\bunsafelyUnwrapped\b|\bunowned\b"#, "unchecked access"),
        ForbiddenWord(
            #"\b(exit|_exit|abort)\("#,
            "ends the process",
            except: [
                "Shared/FaultPoints/CrashOnce.swift": "dying is what it is for",
                "Services/": "programs; libraries never end a process",
            ]
        ),
    ]

    /// Tests wait for a signal or poll with `eventually`.
    static let inTests: [ForbiddenWord] = [
        ForbiddenWord(
            #"\bTask\.sleep\b|\b(u|nano)?sleep\(\d|\bThread\.sleep\b"#,
            "sleep",
            except: [
                "Tests/IntegrationTests/KafkaClient/ConsumerTests.swift": "being away is what is tested",
                "Tests/IntegrationTests/ObjectStore/StoreFixture.swift": "a TimeSource",
            ]
        ),
        ForbiddenWord(#"\btry!"#, "try!"),
        ForbiddenWord(#"\bas!"#, "forced cast"),
    ]
}
