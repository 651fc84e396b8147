import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Links, make targets, scripts, tests, types and commands named in the documentation exist.
@Suite struct DocumentTests {
    /// The paths of all documents except those of the dependencies.
    private static let documents: [String] = {
        let folder = TypedPage.root.appendingPathComponent("docs").path
        let pages = (FileManager.default.subpaths(atPath: folder) ?? []).filter { $0.hasSuffix(".md") }
        return ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"] + pages.map { "docs/\($0)" }.sorted()
    }()

    /// The concatenated code of a folder.
    private static func code(in folder: String) throws -> String {
        let root = TypedPage.root.appendingPathComponent(folder)
        let paths = try #require(FileManager.default.subpaths(atPath: root.path)).filter { $0.hasSuffix(".swift") }
        return try paths.map { try String(contentsOf: root.appendingPathComponent($0), encoding: .utf8) }.joined()
    }

    /// The names of the types declared in a folder.
    private static func types(in folder: String) throws -> Set<String> {
        Set(try code(in: folder).matches(of: /\b(?:struct|class|enum|protocol|typealias) (\w+)/).map { String($0.1) })
    }

    /// The names of the test suites and other types of the tests.
    private static let suites = (try? types(in: "Tests")) ?? []

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: TypedPage.root.appendingPathComponent(path).path)
    }

    /// A page without its code blocks, which contain no Markdown.
    private static func prose(_ page: String) throws -> String {
        var isFenced = false
        return try TypedPage.text(page).components(separatedBy: "\n").filter { line in
            if line.hasPrefix("```") { isFenced.toggle() }
            return !isFenced && !line.hasPrefix("    ")
        }.joined(separator: "\n")
    }

    /// The anchors of a page's headings by GitHub's rules.
    private static func anchors(of page: String) throws -> Set<String> {
        Set(
            try prose(page).components(separatedBy: "\n").filter { $0.hasPrefix("#") }.map { heading in
                let title = heading.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
                return title.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }.replacing(" ", with: "-")
            })
    }

    @Test(arguments: documents)
    func everyLinkTargetExists(page: String) throws {
        let folder = (page as NSString).deletingLastPathComponent
        for link in try Self.prose(page).matches(of: /\]\(([^)\s]+)\)/).map({ String($0.1) }) {
            guard !link.contains("://") else { continue }
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let target =
                parts[0].isEmpty
                ? page : ((folder as NSString).appendingPathComponent(parts[0]) as NSString).standardizingPath
            #expect(Self.exists(target), "\(link)")
            guard parts.count == 2, target.hasSuffix(".md"), Self.exists(target) else { continue }
            #expect(try Self.anchors(of: target).contains(parts[1]), "\(link)")
        }
    }

    @Test(arguments: documents)
    func namedTargetsScriptsAndSuitesExist(page: String) throws {
        let text = try TypedPage.text(page)
        let targets = Set(try TypedPage.text("Makefile").matches(of: /(?m)^([a-z0-9-]+):/).map { String($0.1) })
        for match in text.matches(of: /(?m)(?:`|^ {4})make ([a-z0-9-]+)/) {
            #expect(targets.contains(String(match.1)), "make \(match.1)")
        }
        for match in text.matches(of: /\bscripts\/[a-z0-9-]+/) { #expect(Self.exists(String(match.0)), "\(match.0)") }
        for match in text.matches(of: /\b[A-Z]\w+Tests\b/) {
            let isFolder = Self.exists("Tests/\(match.0)")
            #expect(isFolder || Self.suites.contains(String(match.0)), "\(match.0)")
        }
    }

    /// Checks the types, source folders and files that the page names.
    @Test func namesInTheArchitecturePageExist() throws {
        let types = try Self.types(in: "Sources").union(Self.suites)
        let package = try TypedPage.text("Package.swift")
        let names = try Self.prose("docs/architecture.md").matches(of: /`([A-Z]\w*(?:[.\/]\w+)*)`/).map { String($0.1) }
        #expect(names.count > 50)
        for name in names where !name.hasPrefix("MPI_") {
            let first = name.prefix { $0 != "." }
            let isThere = types.contains(String(first)) || Self.exists("Sources/\(name)")
            #expect(isThere || package.contains("\"\(name)\""), "\(name)")
        }
    }

    @Test func theNewestChangelogEntryIsTheProgramsVersion() throws {
        #expect(dtrainVersion.wholeMatch(of: /\d+\.\d+\.\d+/) != nil)
        let newest = try TypedPage.text("CHANGELOG.md").firstMatch(
            of: /(?m)^## \[(.*)\] - (unreleased|\d{4}-\d\d-\d\d)$/)
        #expect(newest?.1 == dtrainVersion[...])
    }

    /// Runs `--version`, dry-runs make, and checks that other commands' files and suites exist.
    @Test func commandsInTheContributionGuideExist() throws {
        let commands = try TypedPage("CONTRIBUTING.md").commands.flatMap { line in
            line.replacing(#/ +#.*/#, with: "").components(separatedBy: " && ")
        }
        #expect(commands.count >= 8)
        let bench = try Bench()
        for command in commands {
            let words = command.split(separator: " ").map(String.init).filter { !$0.contains("=") }
            switch words.prefix(2) {
            case ["swift", "test"]:
                let filter = try #require(words.last?.split(separator: ".").last)
                #expect(Self.suites.contains(String(filter)), "\(command)")
            case ["swift", "format"]:
                for path in words.dropFirst(2) where !path.hasPrefix("-") { #expect(Self.exists(path), "\(command)") }
            case [".build/release/dtrain", "--version"]:
                #expect(try bench.run("--version").stdout.hasPrefix(dtrainVersion))
            case [".ci/run"]:
                let script = TypedPage.root.appendingPathComponent(".ci/run").path
                #expect(FileManager.default.isExecutableFile(atPath: script))
            case let make where make.first == "make":
                let dry = "make -s -n -C '\(TypedPage.root.path)' \(words.dropFirst().joined(separator: " "))"
                let outcome = try MPIRun.shell(dry, folder: bench.folder)
                #expect(outcome.status == 0, "\(command): \(outcome)")
            default: Issue.record("this test has no check for '\(command)'")
            }
        }
    }
}
