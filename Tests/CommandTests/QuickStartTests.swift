import DistributedTesting
import Foundation
import Testing

/// Types the commands of README.md's quick start in their order.
@Suite struct QuickStartTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The indented lines of the section, but for those of `make` that build and test.
    private static func commands() throws -> [String] {
        let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let section = try #require(text.components(separatedBy: "\n## ").first { $0.hasPrefix("Quick start\n") })
        let lines = section.components(separatedBy: "\n").filter { $0.hasPrefix("    ") }
            .map { $0.trimmingCharacters(in: .whitespaces) }
        return lines.filter { !$0.hasPrefix("make demo") }
    }

    /// Goes in place of the installed program: trains a small model instead of the tutorial's.
    private static let small = """
        #!/bin/sh
        small='--rnn-units 16 --embedding-dim 8 --seq-length 10'
        case $1 in
        generate | evaluate | export | summary | report | inspect | supervise) exec "$0-real" "$@" ;;
        scale) exec "$0-real" "$@" $small ;;
        *) exec "$0-real" "$@" $small --threads 1 ;;
        esac
        """

    @Test(
        .enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI, "Open MPI's mpirun isn't installed"),
        .enabled(if: Launch.cores >= 2, "the quick start wants two cores"))
    func everyCommandWorksInItsOrder() throws {
        let commands = try Self.commands()
        #expect(commands.filter { $0.contains("dtrain") }.count >= 10)
        let bench = try Bench()
        // Of the letters of the prompts.
        try bench.write("ROMEO:\nJULIET:\n" + String(repeating: Bench.text, count: 30), to: "text.txt")
        try bench.write(Self.small, to: "small.sh")
        try FileManager.default.copyItem(
            atPath: Self.root.appendingPathComponent("README.md").path, toPath: bench.path("README.md"))
        // `make` runs where the sources are.
        var script = """
            export HOME="$PWD" DTRAIN_DATA="$PWD/text.txt" MAKEFLAGS="DTRAIN=$1"
            PATH="$(dirname "$(command -v make)"):$PATH"
            make() { command make -s -C '\(Self.root.path)' "$@"; }
            try() { echo "$1" >&2; eval "$1" || { echo "code $?: $1"; exit 1; }; }

            """
        for command in commands {
            let quoted = command.replacingOccurrences(of: "'", with: "'\\''")
            script += "try '\(quoted)'\n"
            guard command.hasPrefix("make install") else { continue }
            script += """
                program=$HOME/.local/bin/dtrain
                cmp "$1" "$program" && mv "$program" "$program-real" && cp small.sh "$program" && chmod +x "$program" || exit 1

                """
        }
        try bench.write(script, to: "type.sh")
        let outcome = try MPIRun.shell("sh type.sh '\(MPIRun.find("dtrain"))'", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.contains("ROMEO:"), "\(outcome)")
        #expect(!outcome.stderr.contains("slots"), "\(outcome)")
        #expect(bench.exists("scaling/report.html"))
    }
}
