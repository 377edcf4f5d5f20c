#if DEBUG
    import HTTPTypes
    import HummingbirdCore
    import NIOCore

    extension Responder {
        /// The answer with any fault in it; nil when the connection shall be dropped instead.
        func answerWithFaults(
            to request: Request,
            _ requestID: String,
            _ writer: borrowing ResponseWriter
        ) async -> Answer? {
            if let control = await faults.control(request) { return control }
            guard let understood = try? S3Request(request.head) else {
                return await answer(to: request, requestID, writer)
            }
            let fault = faults.strike(understood)
            let (answer, isApplied) = await faulty(fault, request, requestID, writer)
            let query = understood.query.filter { !$0.name.lowercased().hasPrefix("x-amz-") }
            faults.note(
                LoggedRequest(
                    method: understood.method,
                    bucket: understood.bucketName,
                    key: understood.key?.text,
                    query: Dictionary(query.map { ($0.name, $0.value) }) { first, _ in first },
                    status: answer?.status ?? 0,
                    fault: fault?.action,
                    applied: isApplied && (answer?.status ?? 200) < 400
                )
            )
            return answer
        }

        private func faulty(
            _ fault: FaultRule?,
            _ request: Request,
            _ requestID: String,
            _ writer: borrowing ResponseWriter
        ) async -> (Answer?, isApplied: Bool) {
            guard let fault else { return (await answer(to: request, requestID, writer), true) }
            switch fault.action {
            case .answer, .errorInside:
                return (Answer(fault.error, resource: resource(request), requestID: requestID), false)
            case .dropBefore: return (nil, false)
            case .dropAfter:
                _ = await answer(to: request, requestID, writer)
                return (nil, true)
            case .delay:
                await faults.wait(fault)
                return (await answer(to: request, requestID, writer), true)
            case .delayAnswer:
                let answer = await answer(to: request, requestID, writer)
                await faults.wait(fault)
                return (answer, true)
            case .diskFull:
                try? await readToEnd(request.body)
                let error = S3Error.insufficientStorage
                return (Answer(error, resource: resource(request), requestID: requestID), false)
            case .noUploads:
                var document = XMLDocument()
                document.root("ListMultipartUploadsResult") { $0.element("IsTruncated", false) }
                return (.xml(document), false)
            case .truncate, .corrupt:
                var answer = await answer(to: request, requestID, writer)
                answer.damage = fault
                return (answer, true)
            }
        }

        /// Sends an object short, or with one bit turned.
        func send(
            _ stored: StoredObject,
            _ range: Range<Int64>,
            _ head: HTTPResponse,
            damaged damage: FaultRule,
            _ writer: consuming ResponseWriter
        ) async throws {
            let isShort = damage.action == .truncate
            let end =
                isShort
                ? min(range.upperBound, range.lowerBound + max(0, damage.bytes ?? 0)) : range.upperBound
            var pieces = stored.pieces(range.lowerBound..<end)
            var body = try await writer.writeHead(head)
            var isFirst = !isShort
            while var piece = try pieces.next() {
                if isFirst, let byte = piece.getInteger(at: piece.readerIndex, as: UInt8.self) {
                    piece.setInteger(byte ^ 1, at: piece.readerIndex)
                    isFirst = false
                }
                try await body.write(piece)
            }
            if isShort { throw ConnectionEnds() }
            try await body.finish(nil)
        }

        private func readToEnd(_ body: RequestBody) async throws {
            for try await _ in body {}
        }
    }
#endif
