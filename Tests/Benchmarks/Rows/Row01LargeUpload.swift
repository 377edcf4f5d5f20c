import Foundation
import ObjectStore

extension Row {
    /// What hashing, the service in between and the commit cost a large file.
    static let largeUpload = Row(
        number: 1,
        title: "1 GiB upload through Waybill ÷ curl's direct PUT to the same store",
        comparisons: [
            Comparison(
                "1 GiB upload ÷ direct PUT",
                unit: "MB/s",
                "waybill",
                over: "direct",
                floor: 0.75,
                goal: 0.95
            ),
            Comparison("… a bare proxy that hashes ÷ direct PUT", unit: "MB/s", "proxy", over: "direct"),
            Comparison("… through Waybill ÷ that proxy", unit: "MB/s", "waybill", over: "proxy"),
        ]
    ) { site in
        let bytes = site.scaled(1 << 30, least: 1 << 20)
        let deployment = try await Deployment(at: site)
        let service = try await deployment.start("UploadService")
        let file = try await site.randomFile(bytes)
        let proxy = try await site.startProxy(.hashing)
        let put = { @Sendable (options: [String]) async throws -> Double in
            let url = try await deployment.bucket.withStore {
                try $0.presign(.put(key: "direct/1", length: Int64(bytes)), expiresIn: .seconds(3_600))
            }
            let (seconds, _) = try await Curl.run(url, ["--upload-file", file] + options)
            try await deployment.bucket.empty(prefix: "direct/")
            return Double(bytes) / 1e6 / seconds
        }
        let upload = [
            "--request", "POST", "--header", "content-type: application/octet-stream", "--upload-file", file,
        ]
        return Trial(sides: [
            Side("waybill") {
                let name = Site.mark()
                let (seconds, _) = try await Curl.run(
                    "\(service.url)/api/v1/files?name=\(name)",
                    upload,
                    token: service.token
                )
                try await deployment.bucket.empty(prefix: "\(Deployment.tenant)/")
                return Double(bytes) / 1e6 / seconds
            },
            Side("direct") { try await put([]) },
            Side("proxy") { try await put(Curl.through(proxy, to: site.store)) },
        ])
    }
}

extension Site {
    /// A file of bytes that no store can make smaller. It is on the disk already: the kernel does not write it beside what is measured.
    func randomFile(_ bytes: Int) async throws -> String {
        let file = "\(folder)/\(Site.mark()).random"
        let cipher = "openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2>/dev/null"
        let script = "\(cipher) | head --bytes=\(bytes) >'\(file)' && sync '\(file)'"
        try await Command.run("/bin/sh", ["-c", script])
        atEndOfRow { try? FileManager.default.removeItem(atPath: file) }
        return file
    }
}
