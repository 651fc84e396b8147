import DistributedTesting
import Foundation
import Testing

/// The commands in the indented lines of a documentation page.
struct TypedPage {
    /// The commands in order.
    let commands: [String]

    /// The root folder of the sources.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A wrapper that replaces the installed program and trains a small model instead of the
    /// tutorial's.
    static let small = """
        #!/bin/sh
        small='--embedding-dim 8 --seq-length 10'
        case " $* " in *' --rnn-units '* | *' --resume '*) ;; *) small="$small --rnn-units 16" ;; esac
        case $1 in
        generate | evaluate | export | import | summary | report | compare | inspect | supervise) exec "$0-real" "$@" ;;
        scale) shift && exec "$0-real" scale $small "$@" ;;
        *) exec "$0-real" "$@" $small --threads 1 ;;
        esac
        """

    /// Adds `bin/dtrain`, which trains small models, to a bench.
    static func addSmallProgram(to bench: Bench) throws {
        try FileManager.default.createDirectory(atPath: bench.path("bin"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: bench.path("bin/dtrain-real"), withDestinationPath: try MPIRun.find("dtrain"))
        try bench.write(small, to: "bin/dtrain")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bench.path("bin/dtrain"))
    }

    /// Reads a page.
    ///
    /// - Parameters:
    ///   - path: the page, relative to the root of the sources.
    ///   - headings: the sections to read; none for all.
    init(_ path: String, sections headings: String...) throws {
        var text = try Self.text(path)
        if !headings.isEmpty {
            let sections = text.components(separatedBy: "\n## ")
            var chosen: [String] = []
            for heading in headings {
                let section = sections.first { $0.hasPrefix("\(heading)\n") }
                chosen.append(try #require(section, "\(heading)"))
            }
            text = chosen.joined(separator: "\n")
        }
        var isFenced = false
        commands = text.components(separatedBy: "\n").filter { line in
            if line.hasPrefix("```") { isFenced.toggle() }
            return line.hasPrefix("    ") && !isFenced
        }.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private init(commands: [String]) { self.commands = commands }

    /// The page without some of its commands.
    func without(_ isLeftOut: (String) -> Bool) -> TypedPage { TypedPage(commands: commands.filter { !isLeftOut($0) }) }

    /// The text of a source file.
    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// A script that prints and runs each command and stops at the first failure.
    ///
    /// - Parameter more: returns further lines to insert after a command; nil for none.
    func script(after more: (String) -> String? = { _ in nil }) -> String {
        let shown = "try() { echo \"$1\" >&2; eval \"$1\" || { echo \"code $?: $1\"; exit 1; }; }\n"
        return shown
            + commands.map { command in
                "try '\(command.replacingOccurrences(of: "'", with: "'\\''"))'\n" + (more(command) ?? "")
            }.joined()
    }
}
