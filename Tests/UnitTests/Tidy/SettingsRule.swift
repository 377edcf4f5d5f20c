/// Each program's example file in deploy/env names the settings the program reads, and no others.
enum SettingsRule {
    /// What only a debug build reads.
    static let unlisted: Set<String> = ["WAYBILL_CRASH_AT"]

    /// Names in string literals of Swift sources.
    static func read(in files: [SourceFile]) -> Set<String> {
        Set(
            files.flatMap {
                $0.text.matches(of: /"((?:WAYBILL|KAFKA|S3|AWS)_[A-Z0-9_]+|LOG_LEVEL)"/).map { String($0.1) }
            }
        )
        .subtracting(unlisted)
    }

    /// Names of an example file, those in comments included.
    static func named(in example: String) -> Set<String> {
        Set(example.matches(of: /(?m)^#?([A-Z][A-Z0-9_]*)=/).map { String($0.1) })
    }

    /// - Parameters:
    ///   - examples: what each program's example names, by program.
    ///   - own: what the sources of each program read themselves.
    ///   - shared: what modules read that several programs use; a program need not use all of it.
    static func findings(
        examples: [String: Set<String>],
        own: [String: Set<String>],
        shared: Set<String>
    ) -> [String] {
        let everywhere = examples.values.reduce(into: Set<String>()) { $0.formUnion($1) }
        let unheardOf = examples.flatMap { program, names in
            names.subtracting(own[program] ?? []).subtracting(shared).map { "\(program) does not read \($0)" }
        }
        let missing = own.flatMap { program, names in
            names.subtracting(examples[program] ?? []).map { "the example of \(program) lacks \($0)" }
        }
        return (unheardOf + missing + shared.subtracting(everywhere).map { "no example names \($0)" })
            .sorted()
    }
}
