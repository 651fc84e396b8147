import Foundation
import Testing

/// The folders of a module have no cyclic dependencies.
@Suite struct RoomsTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    /// A file's room and its code without comments and string literals.
    private struct File {
        let room: String
        let code: String
    }

    @Test(arguments: ["Core", "Distributed"])
    func roomsHaveNoCyclicDependencies(module: String) throws {
        let files = try Self.files(of: module)
        var home: [String: String] = [:]
        for file in files {
            for match in file.code.matches(
                of: /(?m)^(?:package |public )?(?:final )?(?:class|struct|enum|protocol) (\w+)/)
            {
                home[String(match.1)] = file.room
            }
        }
        #expect(Set(home.values).count >= 5, "\(Set(home.values))")
        var uses: [String: [String: String]] = [:]
        for file in files {
            for match in file.code.matches(of: /\b[A-Z]\w+/) {
                guard let room = home[String(match.0)], room != file.room else { continue }
                uses[file.room, default: [:]][room] = String(match.0)
            }
        }
        // Repeatedly removes rooms without remaining dependencies; the rest is a cycle.
        var rest = Set(home.values)
        while let done = rest.first(where: { room in uses[room, default: [:]].keys.allSatisfy { !rest.contains($0) } })
        {
            rest.remove(done)
        }
        let cycle = rest.map { room in "\(room) uses \(uses[room, default: [:]].filter { rest.contains($0.key) })" }
        #expect(rest.isEmpty, "\(cycle.sorted())")
    }

    private static func files(of module: String) throws -> [File] {
        let folder = sources.appending(path: module)
        let paths = try #require(FileManager.default.subpaths(atPath: folder.path))
        return try paths.filter { $0.hasSuffix(".swift") && $0.contains("/") }.map { path in
            let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
            let code = text.replacing(/\/\/[^\n]*/, with: "").replacing(/"(?:\\.|[^"\\\n])*"/, with: "")
            return File(room: String(path.prefix { $0 != "/" }), code: code)
        }
    }
}
