import AccessTokens
import HTTPServing
import Hummingbird
import NIOCore

/// What handlers do with a body that comes in.
func addReadingRoutes(to router: Router<ServiceContext>, _ witness: Witness) {
    router.get("hello/{name}") { _, context in "hello \(context.parameters.get("name") ?? "")" }
    router.post("count") { request, _ in
        var count = 0
        do {
            for try await bytes in request.body {
                count += bytes.readableBytes
                witness.read(bytes.readableBytes)
            }
        } catch {
            witness.failed(error)
            throw error
        }
        return "\(count)"
    }
    router.post("refuse") { _, _ -> String in
        throw Problem(status: 409, code: "FILE_ALREADY_EXISTS", detail: "It exists.", retryAfterSeconds: 7)
    }
    router.post("first-chunk") { request, _ -> String in
        for try await bytes in request.body { return "\(bytes.readableBytes)" }
        return "none"
    }
    router.post("left-behind") { request, _ -> String in
        // A careless handler: a task of its own reads on after the response.
        Task { do { for try await _ in request.body {} } catch { witness.failed(error) } }
        return "done"
    }
    router.post("form") { request, _ -> String in
        let boundary = try MultipartBoundary(contentType: request.headers[.contentType])
        let reader = MultipartFormReader(request.body, boundary: boundary)
        var lines: [String] = []
        while let part = try await reader.nextPart() {
            var count = 0
            for try await bytes in part.body { count += bytes.readableBytes }
            lines.append("\(part.head.name):\(part.head.fileName ?? "-"):\(count)")
        }
        return lines.joined(separator: "\n")
    }
}

/// What handlers answer with.
func addAnsweringRoutes(to router: Router<ServiceContext>, _ witness: Witness, _ gate: Gate) {
    router.get("boom") { _, _ -> String in throw KnownTokens.Unreachable() }
    router.get("wait") { _, _ -> String in
        await gate.wait()
        return "waited"
    }
    router.get("endless") { _, _ in
        Response(
            status: .ok,
            body: ResponseBody { writer in
                let bytes = ByteBuffer(repeating: 0x78, count: 65_536)
                do {
                    while true { try await writer.write(bytes) }
                } catch {
                    witness.failed(error)
                    throw error
                }
            }
        )
    }
    router.get("large") { _, _ in
        Response(
            status: .ok,
            body: ResponseBody(contentLength: 8 << 20) { writer in
                try await writer.write(ByteBuffer(repeating: 0x78, count: 8 << 20))
                try await writer.finish(nil)
            }
        )
    }
    router.get("short") { _, _ in
        Response(
            status: .ok,
            body: ResponseBody(contentLength: 10) { writer in
                try await writer.write(ByteBuffer(string: "12345"))
                try await writer.finish(nil)
            }
        )
    }
    router.group("private").add(middleware: BearerAuthentication(KnownTokens()))
        .get("whoami") { _, context in try context.requireCaller().principal }
        .get("admin") { _, context in try context.requireCaller(with: .superuser).principal }
}
