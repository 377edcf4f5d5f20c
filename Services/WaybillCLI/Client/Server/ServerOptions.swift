import ArgumentParser
import AsyncHTTPClient
import Determinism
import FoundationEssentials
import NIOCore
import ServiceBootstrap

/// Which server, as whom, and how patiently. The token is never part of the command line: every user of the machine can
/// read that.
struct ServerOptions: ParsableArguments {
    @Option(help: "The UploadService; WAYBILL_URL when absent.") var url: String?
    @Option(help: "A file that holds the access token; WAYBILL_TOKEN when absent.") var tokenFile: String?
    @Option(help: "Seconds to go on trying while the server is away or busy.") var patience: Int?

    /// What is wrong with a setting.
    struct Wrong: Error {
        let sentence: String
        init(_ sentence: String) { self.sentence = sentence }
    }

    func validate() throws {
        guard (0...86_400).contains(patience ?? 0) else {
            throw ValidationError("--patience is 0 to 86400 seconds.")
        }
    }

    /// Lends a client and shuts it down, however `body` ends. What `body` throws becomes a sentence.
    ///
    /// - Parameter patience: unless the command line says another.
    func use<Value: Sendable>(
        patience: Duration = .seconds(10),
        connections: Int = 8,
        _ body: (APIClient) async throws(ClientFailure) -> Value
    ) async throws -> Value {
        let server = try await server()
        let http = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: Self.configuration(connections)
        )
        let client = APIClient(
            server: server,
            http: http,
            time: SystemTime(),
            random: SystemRandom(),
            patience: self.patience.map { .seconds($0) } ?? patience
        )
        let result: Result<Value, ClientFailure>
        do throws(ClientFailure) { result = .success(try await body(client)) } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        do { return try result.get() } catch { throw CommandFailure(error) }
    }

    private static func configuration(_ connections: Int) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(60))
        configuration.timeout.write = .seconds(60)
        // The token goes where it was meant to go and nowhere else.
        configuration.redirectConfiguration = .disallow
        // A connection for each part: over one of HTTP/2 a lost packet holds all of them up.
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        return configuration
    }

    private func server() async throws -> Server {
        var settings = SettingsReader.ofThisProcess()
        guard let url = url ?? settings.optionalText("WAYBILL_URL") else {
            throw ValidationError("Name the server: --url https://…, or set WAYBILL_URL.")
        }
        let token: String?
        if let tokenFile {
            do throws(ClientFailure) {
                token = try await blocking { () throws(ClientFailure) in try Self.token(in: tokenFile) }
            } catch { throw ValidationError(plain(error.sentence)) }
        } else {
            token = settings.optionalText("WAYBILL_TOKEN")
        }
        guard let token else {
            throw ValidationError(
                "Give an access token: set WAYBILL_TOKEN, or name a file with --token-file."
            )
        }
        do throws(Wrong) { return try Server(url: url, token: token) } catch {
            throw ValidationError(error.sentence)
        }
    }

    /// The first word of the file.
    private static func token(in path: String) throws(ClientFailure) -> String {
        guard let data = try? Data(contentsOf: URL(filePath: path)), data.count <= 4_096 else {
            throw .local("The token file \(path) cannot be read.")
        }
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(
            String.init
        )
            ?? ""
    }
}
