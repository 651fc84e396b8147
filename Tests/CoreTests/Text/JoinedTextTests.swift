import DistributedTesting
import Foundation
import Testing

@testable import DTrainCore

/// Several files, folders and pipes as one text.
@Suite struct JoinedTextTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    /// Writes consecutive ranges of bytes as files.
    private func files(_ bytes: [UInt8], cutAt cuts: [Int]) throws -> [String] {
        let edges = [0] + cuts + [bytes.count]
        return try zip(edges, edges.dropFirst()).enumerated().map { index, edge in
            let path = folder.file("part\(index)")
            try Data(bytes[edge.0..<edge.1]).write(to: URL(fileURLWithPath: path))
            return path
        }
    }

    /// ASCII and characters of every length, over more than one index mark.
    private static let mixed = Array(String(repeating: "plain é € 😀 text\r\n", count: 40).utf8)

    /// "é" starts at byte 6, "€" at 9, "😀" at 13.
    @Test(arguments: [
        [6], [7], [9], [10, 11], [13, 14, 15, 16, 17], [7, 7, 7], [0, 0], [14, 300, 301, 302, 303, 304, 305, 306, 307],
    ])
    func filesSplitAnywhereReadAsTheJoinedFile(cuts: [Int]) throws {
        let paths = try files(Self.mixed, cutAt: cuts)
        let whole = folder.file("whole")
        try Data(Self.mixed).write(to: URL(fileURLWithPath: whole))
        let (joined, expected) = (try Corpus(paths: paths), try Corpus(path: whole))
        #expect(joined.checksum == expected.checksum)
        #expect(joined.vocabulary == expected.vocabulary)
        #expect(joined.count == expected.count)
        #expect(joined[0..<joined.count] == expected[0..<expected.count])
        for position in 0..<joined.count {
            let range = position..<min(position + 5, joined.count)
            #expect(joined[range] == expected[range])
        }
        #expect(joined.files == paths)
        let other = try Corpus(joined, vocabulary: try Vocabulary(scalars: "plain".unicodeScalars))
        #expect(other.count == expected.count && other.unknownCount > 0)
    }

    @Test func asciiFilesNeedNoIndex() throws {
        let paths = try files(Array(String(repeating: "to be or not ", count: 100).utf8), cutAt: [5, 700, 701])
        let corpus = try Corpus(paths: paths)
        #expect(corpus.indexByteCount == 0)
        #expect(corpus.vocabulary.decode(corpus[0..<1300]) == String(repeating: "to be or not ", count: 100))
    }

    /// Only characters split between two files are copied.
    @Test func filesAreNotCopied() throws {
        let text = try JoinedText(paths: try files(Self.mixed, cutAt: [14, 300]), pipes: .refuse("no"))
        let mapped = text.parts.filter(\.isMapped)
        #expect(text.byteCount - mapped.reduce(0) { $0 + $1.bytes.count } < 8)
        for part in mapped {
            #expect(
                text.mapped.contains { file in
                    guard let start = file.bytes.baseAddress, let own = part.bytes.baseAddress else { return false }
                    return start <= own && own + part.bytes.count <= start + file.bytes.count
                })
        }
    }

    @Test func aFolderGivesItsTextFilesInByteOrderOfNames() throws {
        let names = ["b.txt", "a.txt", "B.txt", "é.txt", "z.txt", "a.md", ".hidden.txt", "a.txt.orig", "a.TXT"]
        for name in names { try Data(name.utf8).write(to: URL(fileURLWithPath: folder.file(name))) }
        try FileManager.default.createDirectory(
            atPath: folder.file("deeper.txt"), withIntermediateDirectories: true)
        try Data("deep".utf8).write(to: URL(fileURLWithPath: folder.file("deeper.txt/x.txt")))
        let root = folder.file("")
        let corpus = try Corpus(paths: [root, folder.file("a.md")])
        let expected = ["B.txt", "a.txt", "b.txt", "z.txt", "é.txt"]
        #expect(corpus.files == expected.map { root + $0 } + [folder.file("a.md")])
        #expect(corpus.vocabulary.decode(corpus[0..<corpus.count]) == expected.joined() + "a.md")
        let error = #expect(throws: DTrainError.self) { try Corpus(path: folder.file("deeper.txt/..") + "/nowhere") }
        #expect(error?.category == .noInput)
    }

    @Test func aFolderWithoutTextFilesIsNoInput() throws {
        let path = folder.file("empty")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let error = #expect(throws: DTrainError.self) { try Corpus(path: path) }
        #expect(error?.category == .noInput)
        #expect(error?.message.contains("'\(path)' has no *.txt") == true)
    }

    @Test func emptyFilesAreAllowedUnlessAllAreEmpty() throws {
        let paths = try files(Array("text".utf8), cutAt: [0, 4])
        #expect(try Corpus(paths: paths).count == 4)
        let error = #expect(throws: DTrainError.self) { try Corpus(paths: [paths[0], paths[2]]) }
        #expect(error?.category == .badData)
        #expect(error?.message.contains("is empty") == true)
    }

    @Test func theIllFormedFileIsNamed() throws {
        let bytes = Array("good\nbad €".utf8).dropLast() + Array("more".utf8)
        let paths = try files(Array(bytes), cutAt: [5, 11])
        let error = #expect(throws: DTrainError.self) { try Corpus(paths: paths) }
        #expect(error?.message.contains("'\(paths[1])' is not UTF-8: byte 0xe2 at offset 4 (line 1)") == true)
        #expect(error?.message.contains("ends in the middle of a character") == true)
        #expect(error?.hint?.contains("head -c 4 < \(paths[1]) >") == true)
    }

    @Test(arguments: ["/dev/zero", "/dev/null", "/dev/urandom"])
    func devicesAreRejected(path: String) {
        let error = #expect(throws: DTrainError.self) { try Corpus(path: path) }
        #expect(error?.category == .noInput)
        #expect(error?.message.contains("'\(path)' is a device, not a file") == true)
    }

    // MARK: Pipes

    private func pipe(_ name: String = "pipe") throws -> String {
        let path = folder.file(name)
        try #require(mkfifo(path, 0o600) == 0)
        return path
    }

    @Test func pipesAreRejectedByDefault() throws {
        let path = try pipe()
        let error = #expect(throws: DTrainError.self) { try Corpus(path: path) }
        #expect(error?.category == .noInput)
        #expect(error?.message.contains("'\(path)' is a pipe") == true)
    }

    /// The text spans several chunks, which split characters.
    @Test func aPipeIsReadToItsEnd() throws {
        let path = try pipe()
        let text = Array(String(repeating: "😀€é", count: 600_000).utf8)
        let writer = Thread {
            guard let handle = FileHandle(forWritingAtPath: path) else { return }
            try? handle.write(contentsOf: Data(text))
            try? handle.close()
        }
        writer.start()
        let corpus = try Corpus(paths: [path], vocabulary: nil, pipes: .read { true })
        #expect(corpus.count == 1_800_000)
        #expect(corpus.checksum == text.withUnsafeBytes { Checksum.hexadecimal(of: $0) })
        #expect(corpus[1_799_997..<1_800_000] == [3, 2, 1])
    }

    @Test func waitingForASilentPipeEndsOnTimeoutOrStop() throws {
        let path = try pipe()
        let error = #expect(throws: DTrainError.self) {
            try PipeText(timeout: 0.05).read(path) { true }
        }
        #expect(error?.category == .noInput)
        #expect(error?.message.contains("'\(path)' has delivered nothing for") == true)
        let stopped = #expect(throws: DTrainError.self) { try PipeText().read(path) { false } }
        #expect(stopped?.category == .stopped)
    }

    @Test func aPipeWithTooMuchDataIsRejected() throws {
        let path = try pipe()
        // Opened for reading and writing, so the open doesn't wait for a reader.
        let descriptor = open(path, O_RDWR | O_NONBLOCK)
        defer { close(descriptor) }
        try #require(write(descriptor, Array("0123456789".utf8), 10) == 10)
        let error = #expect(throws: DTrainError.self) { try PipeText(maximumByteCount: 9).read(path) { true } }
        #expect(error?.category == .badData)
    }
}
