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
                bound: request.announcedLength,
                of: owner,
                context
            )
        }
        return try answer(to: try await store(try rawFile(request), of: owner, context))
    }

    /// Stores one file, counts it, and logs what kept it from being stored.
    func store(
        _ file: IncomingFile,
        of owner: Owner,
        _ context: ServiceContext
    ) async throws(UploadFailure) -> File {
        do {
            let stored = try await receive.receive(file, of: owner)
            figures.stored(byteCount: stored.size)
            return stored
        } catch {
            let problem = error.problem
            figures.notStored(problem.code)
            log(error, problem, "upload", context)
            throw error
        }
    }

    private func rawFile(_ request: Request) throws -> IncomingFile {
        let query = try QueryItems(of: request, known: ["name", "sha256"])
        guard let name = query.bytes("name") else {
            throw query.refusal("name", "is missing: it names the file")
        }
        let digest = try DeclaredDigest.read(request.headers, parameter: try query.text("sha256"))
        return IncomingFile(
            name: try FileName(utf8: name),
            contentType: ContentType(declared: Self.declaredType(request.headers)),
            declaredSHA256: digest,
            source: UploadSource(length: try request.bodyLength(), body: request.body)
        )
    }

    /// What `curl --data-binary` says of any bytes is taken for nothing said.
    private static func declaredType(_ fields: HTTPFields) -> String? {
        let given = fields[.contentType]
        return given?.lowercased() == "application/x-www-form-urlencoded" ? nil : given
    }

    func answer(to stored: File) throws -> Response {
        try .json(
            FileDocument(stored),
            status: .created,
            fields: [.location: "\(Self.path)/\(stored.id.text)"]
        )
    }
}

/// Reads a form from its first byte to its last: each part with a filename is a file, whatever comes between.
extension FileRoutes {
    /// One file answers as a raw upload does; several, or one and a broken rest of the form, answer 207 with one item each.
    fileprivate func uploadForm(
        _ form: MultipartFormReader,
        bound: Int64?,
        of owner: Owner,
        _ context: ServiceContext
    ) async throws -> Response {
        var outcomes: [(name: String, result: Result<File, Problem>)] = []
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
                let (result, isAboutThisFile) = await store(part, name, digest, bound, of: owner, context)
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
        case 1: return try answer(to: outcomes[0].result.get())
        default:
            let items = outcomes.map { UploadItemDocument($0.name, $0.result) }
            return try .json(ItemsDocument(items: items), status: .multiStatus)
        }
    }

    private func store(
        _ part: FormPart,
        _ name: String,
        _ digest: String?,
        _ bound: Int64?,
        of owner: Owner,
        _ context: ServiceContext
    ) async -> (Result<File, Problem>, isAboutThisFile: Bool) {
        do {
            let file = IncomingFile(
                name: try FileName(name),
                contentType: ContentType(declared: part.head.contentType),
                declaredSHA256: try digest.map(DeclaredDigest.hex),
                source: UploadSource(length: nil, bound: bound, body: part.body)
            )
            return (.success(try await store(file, of: owner, context)), true)
        } catch let failure as UploadFailure {
            return (.failure(failure.problem), failure.isAboutOneFile)
        } catch let failure as any ProblemConvertible {
            figures.notStored(failure.problem.code)
            return (.failure(failure.problem), true)
        } catch { return (.failure(.internalError), false) }
    }
}

extension UploadFailure {
    /// Whether another file of the same request may fare better, and its bytes can still be read.
    fileprivate var isAboutOneFile: Bool {
        switch self {
        case .nameTaken, .nameTooLong, .digestMismatch, .sizeMismatch: true
        case .tooLarge, .busy, .bodyFailed, .store, .database, .outcomeUnknown, .lost: false
        }
    }
}
