import DistributedTesting
import Foundation
import Testing

/// Runs the commands of README.md's install section and quick start in order.
@Suite struct QuickStartTests {
    @Test(
        .enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI, "Open MPI's mpirun isn't installed"),
        .enabled(if: Launch.cores >= 2, "the quick start needs two cores"))
    func thePagesCommandsSucceedInOrder() throws {
        let page = try TypedPage("README.md", sections: "Install", "Quick start").without { $0.hasPrefix("make demo") }
        #expect(page.commands.filter { $0.contains("dtrain") }.count >= 10)
        let bench = try Bench()
        // The text contains the letters of the prompts.
        try bench.write("ROMEO:\nJULIET:\n" + String(repeating: Bench.text, count: 30), to: "text.txt")
        try bench.write(TypedPage.small, to: "small.sh")
        try FileManager.default.copyItem(
            atPath: TypedPage.root.appendingPathComponent("README.md").path, toPath: bench.path("README.md"))
        // `make` runs in the source folder.
        let start = """
            export HOME="$PWD" DTRAIN_DATA="$PWD/text.txt" MAKEFLAGS="DTRAIN=$1"
            PATH="$(dirname "$(command -v make)"):$PATH"
            make() { command make -s -C '\(TypedPage.root.path)' "$@"; }

            """
        let installed = """
            program=$HOME/.local/bin/dtrain
            cmp "$1" "$program" && mv "$program" "$program-real" && cp small.sh "$program" && chmod +x "$program" || exit 1

            """
        let script = start + page.script { $0.hasPrefix("make install") ? installed : nil }
        try bench.write(script, to: "type.sh")
        let outcome = try MPIRun.shell("sh type.sh '\(MPIRun.find("dtrain"))'", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.contains("ROMEO:"), "\(outcome)")
        #expect(!outcome.stderr.contains("slots"), "\(outcome)")
        #expect(bench.exists("scaling/report.html"))
    }
}
