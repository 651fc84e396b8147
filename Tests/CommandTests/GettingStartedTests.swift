import DistributedTesting
import Foundation
import Testing

/// Runs the commands of docs/getting-started.md in order.
@Suite struct GettingStartedTests {
    @Test(
        .enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI, "Open MPI's mpirun isn't installed"),
        .enabled(if: Launch.cores >= 2, "the page needs two cores"))
    func thePagesCommandsSucceedInOrder() throws {
        let page = try TypedPage("docs/getting-started.md")
        #expect(page.commands.count >= 7)
        #expect(page.commands.allSatisfy { $0.contains("dtrain ") || $0.hasPrefix("cmp ") })
        let bench = try Bench()
        try bench.write("ROMEO:\nMy text\n" + String(repeating: Bench.text, count: 30), to: "text.txt")
        try bench.write(String(repeating: "My text is short, but long enough.\n", count: 300), to: "my-text.txt")
        try TypedPage.addSmallProgram(to: bench)
        let start = "export DTRAIN_DATA=\"$PWD/text.txt\" PATH=\"$PWD/bin:$PATH\"\n"
        try bench.write(start + page.script(), to: "type.sh")
        let outcome = try MPIRun.shell("sh type.sh", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.contains("ROMEO:") && outcome.stderr.contains("resumed from"), "\(outcome)")
        // The output shown on the page matches the program's.
        let text = try TypedPage.text("docs/getting-started.md")
        for words in [" steps per epoch", "trained to epoch 3: "] {
            #expect(outcome.stdout.contains(words) && text.contains(words), "\(words)")
        }
        #expect(bench.exists("report.html") && bench.exists("first/ckpt_5.safetensors"))
    }
}
