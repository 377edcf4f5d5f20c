import Determinism
import Digests
import HTTPServing
import HTTPTypes
import Hummingbird

/// `POST /api/v1/files`: a raw body with its name in the query, or a form.
extension FileRoutes {
    func upload(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let owner = Owner(try context.requireCaller())
        guard request.headers[values: .contentEncoding].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw RequestRefusal.contentEncoding
        }
        let contentType = request.headers[.contentType]
        if let contentType, contentType.lowercased().hasPrefix("multipart/form-data") {
            _ = try QueryItems(of: request, known: [])
            guard try DeclaredDigest.read(request.headers, parameter: nil) == nil else {
                throw RequestRefusal.digest(
                    "A form declares the SHA-256 of a file in a field named sha256 before it, not in the request's head."
                )
            }
            let boundary = try MultipartBoundary(contentType: contentType)
            let form = MultipartFormReader(request.body, boundary: boundary)
            return try await uploadForm(
                form,
                try KeySlot.read(request, of: owner, ["form"]),
                bound: request.announcedLength,
                of: owner,
                context
            )
        }
        let file = try rawFile(request, context)
        return try await keys.once(try KeySlot.read(request, of: owner, file.facts)) { claim in
            try await store(file, of: owner, claim, context)
        }.response
    }

    /// Stores one file, counts it, and logs what kept it from being stored.
    func store(
        _ file: IncomingFile,
        of owner: Owner,
        _ claim: KeyClaim?,
        _ context: ServiceContext
    ) async throws -> StoredAnswer {
        let stored: File
        do throws(UploadFailure) {
            let keyed = claim.map { KeyedAnswer(claim: $0, make: Self.answer) }
            stored = try await receive.receive(file, of: owner, keyed)
        } catch {
            let problem = error.problem
            figures.notStored(problem.code)
            log(error, problem, "upload", context)
            throw error
        }
        figures.stored(byteCount: stored.size)
        return try Self.answer(to: stored)
    }

    private func rawFile(_ request: Request, _ context: ServiceContext) throws -> IncomingFile {
        let query = try QueryItems(of: request, known: ["name", "sha256"])
        guard let name = query.bytes("name") else {
            throw query.refusal("name", "is missing: it names the file")
        }
        let digest = try DeclaredDigest.read(request.headers, parameter: try query.text("sha256"))
        return IncomingFile(
            name: try FileName(utf8: name),
            contentType: ContentType(declared: Self.declaredType(request.headers)),
            declaredSHA256: digest,
            source: try UploadSource(request, context)
        )
    }

    /// What `curl --data-binary` says of any bytes is taken for nothing said.
    private static func declaredType(_ fields: HTTPFields) -> String? {
        let given = fields[.contentType]
        return given?.lowercased() == "application/x-www-form-urlencoded" ? nil : given
    }

    @Sendable private static func answer(to stored: File) throws -> StoredAnswer {
        try StoredAnswer(
            FileDocument(stored),
            status: .created,
            location: "\(path)/\(stored.id.text)",
            made: stored.id
        )
    }
}

/// Reads a form from its first byte to its last: each part with a filename is a file, whatever comes between.
extension FileRoutes {
    /// One file answers as a raw upload does; several, or one and a broken rest of the form, answer 207 with one item each.
    fileprivate func uploadForm(
        _ form: MultipartFormReader,
        _ slot: KeySlot?,
        bound: Int64?,
        of owner: Owner,
        _ context: ServiceContext
    ) async throws -> Response {
        if let slot { try await keys.reserve(slot) }
        var outcomes: [(name: String, result: Result<StoredAnswer, Problem>)] = []
        do {
            var digest: String?
            while let part = try await form.nextPart() {
                guard let name = part.head.fileName else {
                    guard part.head.name == "sha256" else { continue }
                    guard digest == nil else {
                        throw RequestRefusal.digest("The form declares two SHA-256 digests for one file.")
                    }
                    digest = try await part.body.text() ?? ""
                    continue
                }
                let file = FormFile(
                    number: outcomes.count + 1,
                    name: name,
                    digest: digest,
                    contentType: part.head.contentType,
                    source: UploadSource(length: nil, bound: bound, body: part.body)
                )
                let (result, isAboutThisFile) = await store(file, slot, of: owner, context)
                outcomes.append((name, result))
                digest = nil
                // The next file would meet the same trouble, and nothing would be gained by receiving it.
                if !isAboutThisFile { break }
            }
            if digest != nil, outcomes.last.map({ (try? $0.result.get()) != nil }) ?? true {
                throw RequestRefusal.digest("The last sha256 field of the form is not followed by a file.")
            }
        } catch let failure as any ProblemConvertible {
            outcomes.append(("", .failure(failure.problem)))
        }
        switch outcomes.count {
        case 0: throw RequestRefusal.noFile
        case 1: return try outcomes[0].result.get().response
        default:
            let items = try outcomes.map { try UploadItemDocument($0.name, $0.result) }
            let isRepeat = outcomes.allSatisfy { (try? $0.result.get().isRepeat) ?? false }
            return try StoredAnswer(
                ItemsDocument(items: items),
                status: .multiStatus,
                isRepeat: isRepeat
            ).response
        }
    }

    private func store(
        _ file: FormFile,
        _ slot: KeySlot?,
        of owner: Owner,
        _ context: ServiceContext
    ) async -> (Result<StoredAnswer, Problem>, isAboutThisFile: Bool) {
        do {
            let incoming = try file.incoming
            let answer = try await keys.once(slot?.item(file.number, incoming.facts)) { claim in
                try await store(incoming, of: owner, claim, context)
            }
            return (.success(answer), true)
        } catch let failure as UploadFailure {
            return (.failure(failure.problem), failure.isAboutOneFile)
        } catch let failure as KeyFailure {
            return (.failure(failure.problem), false)
        } catch let failure as any ProblemConvertible {
            figures.notStored(failure.problem.code)
            return (.failure(failure.problem), true)
        } catch { return (.failure(.internalError), false) }
    }
}

/// One part of a form that has a filename.
private struct FormFile {
    /// From 1 on.
    let number: Int
    /// As the client wrote it.
    let name: String
    /// What the field before it declares.
    let digest: String?
    let contentType: String?
    let source: UploadSource

    var incoming: IncomingFile {
        get throws {
            IncomingFile(
                name: try FileName(name),
                contentType: ContentType(declared: contentType),
                declaredSHA256: try digest.map(DeclaredDigest.hex),
                source: source
            )
        }
    }
}

extension UploadSource {
    init(_ request: Request, _ context: ServiceContext) throws {
        self.init(
            length: try request.bodyLength(),
            executor: context.connectionExecutor,
            body: request.body
        )
    }
}

extension IncomingFile {
    /// What a retry declares again.
    fileprivate var facts: [String?] {
        [name.text, contentType.text, source.length.map { "\($0)" }, declaredSHA256?.hex]
    }
}

extension UploadFailure {
    /// Whether another file of the same request may fare better, and its bytes can still be read.
    fileprivate var isAboutOneFile: Bool {
        switch self {
        case .nameTaken, .nameTooLong, .quotaExceeded, .digestMismatch, .sizeMismatch: true
        case .tooLarge, .busy, .bodyFailed, .store, .database, .outcomeUnknown, .lost: false
        }
    }
}
