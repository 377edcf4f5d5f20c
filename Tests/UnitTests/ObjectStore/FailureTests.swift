import Determinism
import NIOCore
import NIOHTTP1
import Testing

@testable import ObjectStore

@Suite("What the store's answers mean")
struct FailureTests {
    private let now = Timestamp(secondsSinceEpoch: 1_369_353_600)

    private func failure(
        _ status: Int,
        _ code: String? = nil,
        headers: HTTPHeaders = [:],
        body: String? = nil,
        _ change: (inout S3Request) -> Void = { _ in }
    ) -> AttemptFailure? {
        var request = S3Request(.PUT, "k", effect: .idempotent)
        change(&request)
        let text = body ?? code.map { "<Error><Code>\($0)</Code><Message>m</Message></Error>" } ?? ""
        let answer = Answer(status: status, headers: headers, body: ByteBuffer(string: text))
        return ErrorAnswer.failure(in: answer, of: request, now: now)
    }

    @Test("a success is none")
    func success() { #expect(failure(200) == nil) }

    @Test("absence carries its code, also where there is no body")
    func absence() {
        for (code, told) in [("NoSuchKey", "NoSuchKey"), ("NoSuchUpload", "NoSuchUpload"), (nil, "NotFound")]
        {
            guard case .notFound(let seen) = failure(404, code)?.failure else {
                Issue.record("not taken for absence: \(told)")
                continue
            }
            #expect(seen == told)
        }
        let minio = failure(404, headers: ["x-minio-error-code": "NoSuchBucket"])?.failure
        guard case .notFound("NoSuchBucket") = minio else {
            Issue.record("\(String(describing: minio))")
            return
        }
    }

    @Test("200 with an error inside is never believed, whatever the call")
    func errorInsideAnyAnswer() {
        #expect(failure(200, "InternalError") != nil)
        #expect(failure(200, "AccessDenied") != nil)
        #expect(failure(200, body: "<ListBucketResult/>") == nil)
    }

    @Test("200 with an error inside is an error, leading white space or not", arguments: ["", "\n  \t"])
    func errorInside200(space: String) {
        let body = "\(space)<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>"
        let seen = failure(200, body: body) { $0.mayFailWith200 = true }
        guard case .outcomeUnknown = seen?.failure else {
            Issue.record("\(String(describing: seen))")
            return
        }
        let refused = failure(200, body: "\(space)<Error><Code>EntityTooSmall</Code></Error>") {
            $0.mayFailWith200 = true
        }
        guard case .refused(_, "EntityTooSmall", _) = refused?.failure else {
            Issue.record("\(String(describing: refused))")
            return
        }
        #expect(
            failure(200, body: "\(space)<CompleteMultipartUploadResult/>") { $0.mayFailWith200 = true } == nil
        )
    }

    @Test(
        "200 with a cut body says nothing about the outcome",
        arguments: ["", " ", "<CompleteMultipartUploadRes"]
    )
    func cutBody(body: String) {
        let seen = failure(200, body: body) { $0.mayFailWith200 = true }
        guard case .outcomeUnknown = seen?.failure else {
            Issue.record("\(String(describing: seen))")
            return
        }
    }

    @Test("busy means again later, with the wait the store asked for")
    func busy() {
        for (status, code) in [
            (503, "SlowDown"), (503, nil), (429, nil), (400, "RequestTimeout"),
            (409, "ConditionalRequestConflict"),
        ] {
            let seen = failure(status, code, headers: ["retry-after": "7"])
            guard case .unavailable(_, .seconds(7)) = seen?.failure else {
                Issue.record("\(status): \(String(describing: seen))")
                continue
            }
            #expect(seen?.isTransient == true)
            #expect(seen?.mayBeApplied == false)
        }
        let dated: HTTPHeaders = [
            "date": "Fri, 24 May 2013 00:00:00 GMT", "retry-after": "Fri, 24 May 2013 00:00:05 GMT",
        ]
        #expect(failure(503, headers: dated)?.retryAfter == .seconds(5))
    }

    @Test("a gateway's error leaves the outcome open", arguments: [500, 502, 504])
    func gateway(status: Int) { #expect(failure(status)?.mayBeApplied == true) }

    @Test("a full store refuses")
    func full() {
        guard case .refused(507, "XMinioStorageFull", "m") = failure(507, "XMinioStorageFull")?.failure else {
            Issue.record("not refused")
            return
        }
    }

    @Test("412 and 416")
    func conditions() {
        guard case .preconditionFailed = failure(412, "PreconditionFailed")?.failure else {
            Issue.record("412")
            return
        }
        guard
            case .rangeNotSatisfiable(443) = failure(416, headers: ["content-range": "bytes */443"])?.failure
        else {
            Issue.record("416")
            return
        }
    }

    @Test("I59 a refused clock is learnt from the answer's date, also where HEAD has no body to say so")
    func skew() {
        let headers: HTTPHeaders = ["date": "Fri, 24 May 2013 01:00:00 GMT"]
        let theirs = now.advanced(by: .seconds(3600))
        #expect(failure(403, "RequestTimeTooSkewed", headers: headers)?.storeTime == theirs)
        #expect(failure(403, headers: headers)?.storeTime == theirs)
        #expect(failure(403, headers: ["date": "Fri, 24 May 2013 00:00:10 GMT"])?.storeTime == nil)
        #expect(failure(403, "AccessDenied", headers: headers)?.storeTime == nil)
    }
}

@Suite("Dates")
struct DateTests {
    @Test("HTTP dates")
    func dates() {
        #expect(timestamp(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT")?.secondsSinceEpoch == 784_111_777)
    }

    @Test(
        "anything else is no date",
        arguments: [
            "", "x", "Sun, 06 Nov 1994 08:49 GMT", "2009-13-12T17:50:30Z", "9999999999999999999-1-1T1:1:1Z",
            "2009-10-12T17:50:30", "2009-10-12T17:50:30.xZ",
        ]
    )
    func refused(text: String) {
        #expect(timestamp(httpDate: text) == nil)
    }
}
