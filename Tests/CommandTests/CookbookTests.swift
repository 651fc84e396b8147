import DistributedTesting
import Foundation
import Testing

/// Runs the commands of each cookbook page in order.
@Suite(
    .serialized, .enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI, "Open MPI's mpirun isn't installed"),
    .enabled(if: Launch.cores >= 2, "the pages need two cores"))
struct CookbookTests {
    private static let pages = [
        "your-own-text", "resume-on-a-cluster", "pytorch-and-onnx", "scaling-experiment", "your-own-loop",
    ]

    /// A folder with the texts that the pages name, and `bin/dtrain`, which trains small models.
    private func bench() throws -> Bench {
        let bench = try Bench()
        let text = "Dear ROMEO,\n" + String(repeating: Bench.text, count: 30)
        for name in ["text.txt", "other.txt", "letters/first.txt", "letters/second.txt"] {
            try FileManager.default.createDirectory(
                atPath: (bench.path(name) as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try bench.write(text, to: name)
        }
        try TypedPage.addSmallProgram(to: bench)
        return bench
    }

    @Test(arguments: pages)
    func thePagesCommandsSucceedInOrder(page: String) throws {
        let typed = try TypedPage("docs/cookbook/\(page).md")
        #expect(
            typed.commands.count >= 2 && typed.commands.allSatisfy { $0.contains("dtrain") || $0.hasPrefix("cmp ") })
        let bench = try bench()
        var script = "export DTRAIN_DATA=\"$PWD/text.txt\" PATH=\"$PWD/bin:$PATH\"\n"
        // Creates the checkpoint that the page's loop would have saved.
        if page == "your-own-loop" { script += "dtrain --epochs 1 || exit 1\n" }
        try bench.write(script + typed.script(), to: "type.sh")
        let outcome = try MPIRun.shell("sh type.sh", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
    }

    /// Each page fits one screen and is tested here.
    @Test func everyPageIsShortAndTested() throws {
        let names = try FileManager.default.contentsOfDirectory(
            atPath: TypedPage.root.appendingPathComponent("docs/cookbook").path)
        #expect(Set(names) == Set(Self.pages.map { "\($0).md" }))
        for page in Self.pages {
            let lines = try TypedPage.text("docs/cookbook/\(page).md").split(
                separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= 50, "\(page): \(lines.count) lines")
        }
    }

    /// The page's code is that of the example that `make examples` builds and compares.
    @Test func theCustomLoopPageMatchesTheExample() throws {
        let page = try TypedPage.text("docs/cookbook/your-own-loop.md")
        let blocks = page.components(separatedBy: "```swift\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        let example = try TypedPage.text("Examples/CustomLoop/Sources/custom-loop/CustomLoop.swift")
        let package = try TypedPage.text("Examples/CustomLoop/Package.swift")
        #expect(blocks.count == 2)
        for block in blocks { #expect(example.contains(block) || package.contains(block), "\(block)") }
    }
}
