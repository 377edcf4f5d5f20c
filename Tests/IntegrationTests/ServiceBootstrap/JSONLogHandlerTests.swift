import Correlation
import Determinism
import Foundation
import Logging
import Testing

@testable import ServiceBootstrap

/// What a line of the log says.
struct JSONLogHandlerTests {
    /// The lines `body` logs, without their times.
    private func lines(
        provider: Logger.MetadataProvider? = nil,
        _ body: (inout Logger) -> Void
    ) throws -> [String] {
        let pipe = Pipe()
        let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        var logger = Logger(label: "test") { label in
            var handler = JSONLogHandler(label: label, level: .info, output: output, time: SystemTime())
            handler.metadataProvider = provider
            return handler
        }
        body(&logger)
        output.flush()
        try pipe.fileHandleForWriting.close()
        let text = String(decoding: try #require(try pipe.fileHandleForReading.readToEnd()), as: UTF8.self)
        return text.split(separator: "\n").map { String($0.replacing(/"ts":"[^"]*",/, with: "")) }
    }

    @Test func whatIsSaidLaterHolds() throws {
        let provider = Logger.MetadataProvider { ["b": "provided", "c": "provided"] }
        let trace = try #require(TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        let found = try lines(provider: provider) { logger in
            logger[metadataKey: "a"] = "own"
            logger[metadataKey: "b"] = "own"
            logger[metadataKey: "trace_id"] = "own"
            TraceContext.$current.withValue(trace) {
                logger.info("none given")
                logger.info("given", metadata: ["c": "given", "trace_id": "given"])
            }
        }
        #expect(
            found == [
                #"{"level":"info","logger":"test","msg":"none given","a":"own","b":"provided","c":"provided","#
                    + #""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#,
                #"{"level":"info","logger":"test","msg":"given","a":"own","b":"provided","c":"given","#
                    + #""trace_id":"given"}"#,
            ]
        )
    }

    @Test func integersAreNumbersAndTextIsEscaped() throws {
        let found = try lines { logger in
            logger.info(
                "a \"b\"\n\u{7F}\u{202E}é",
                metadata: [
                    "int": .stringConvertible(-1), "int64": .stringConvertible(Int64.max),
                    "uint8": .stringConvertible(UInt8(7)), "double": .stringConvertible(1.5),
                    "msg": .array(["x", .dictionary(["k": .stringConvertible(2)])]),
                ]
            )
        }
        #expect(
            found == [
                #"{"level":"info","logger":"test","msg":"a \"b\"\n\u007f\u202eé","double":"1.5","int":-1,"#
                    + #""int64":9223372036854775807,"meta_msg":["x",{"k":2}],"uint8":7}"#
            ]
        )
    }
}
