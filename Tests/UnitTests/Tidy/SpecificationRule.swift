/// Every file under a Specs folder is mentioned by a test: by its own name, or by the folder whose whole content a
/// test walks through.
enum SpecificationRule {
    static func findings(_ paths: [String], tests: String) -> [String] {
        paths.filter { path in
            let parts = path.split(separator: "/")
            guard let name = parts.last, let folder = parts.dropLast().last else { return true }
            let isNamed = tests.contains("\"\(name)\"") || tests.contains("/\(name)\"")
            let isWalked = folder != "Specs" && tests.contains("appending(path: \"\(folder)\")")
            return !isNamed && !isWalked
        }
    }
}
