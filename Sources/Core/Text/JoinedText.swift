import Glibc

/// One or more files as one text, as `cat` joins them: mapped, not copied.
///
/// A pipe's text lies in memory.
final class JoinedText: Sendable {
    /// A file of the text.
    struct File: Sendable {
        /// The path, with the folder that it was found in.
        let path: String
        /// Whether it was found in a folder rather than named.
        let isFromFolder: Bool
        /// Whether it can be read only once, and is in memory now.
        let isPipe: Bool
        /// Its bytes' place in the text.
        let range: Range<Int>
    }

    /// What was named.
    let paths: [String]
    /// The files, folders replaced by theirs.
    let files: [File]
    /// The text in parts of whole characters.
    let parts: [TextPart]
    /// How many bytes it has.
    let byteCount: Int
    /// The mapped files, whose pages can be given back.
    let mapped: [MappedFile]
    /// What else has to stay: pipes' texts, characters that lie in several files.
    private let memory: [AlignedBuffer<UInt8>]

    /// Linux lets a process map 65,530 times by default.
    static let maximumFileCount = 60_000

    /// Opens all files.
    ///
    /// - Parameters:
    ///   - paths: files and folders.
    ///   - pipes: what to do with a pipe.
    /// - Throws: `DTrainError` with `noInput` when something can't be opened or is no file; with `badData` when there is
    ///   no text in any of them; with `inputOutput` when mapping fails.
    init(paths: [String], pipes: PipeRule) throws {
        let entries = try TextPaths.expand(paths)
        guard entries.count <= Self.maximumFileCount else {
            throw DTrainError(
                .noInput, "\(entries.count) text files are more than the \(Self.maximumFileCount) that can be open",
                hint: "join them with 'cat' and name the result with `data`")
        }
        var (parts, files) = (TextParts(), [File]())
        var (mapped, memory) = ([MappedFile](), [AlignedBuffer<UInt8>]())
        var start = 0
        for entry in entries {
            var end = start
            let isPipe = try Self.isPipe(entry.path)
            if isPipe {
                for piece in try Self.read(entry.path, pipes) {
                    memory.append(piece.memory)
                    try parts.append(
                        UnsafeRawBufferPointer(start: piece.memory.pointer, count: piece.count), isMapped: false)
                    end += piece.count
                }
            } else {
                let file = try MappedFile(path: entry.path, kind: "text file")
                mapped.append(file)
                try parts.append(file.bytes, isMapped: true)
                end += file.bytes.count
            }
            files.append(
                File(path: entry.path, isFromFolder: entry.isFromFolder, isPipe: isPipe, range: start..<end))
            start = end
        }
        try parts.finish()
        (self.paths, self.files, self.mapped) = (paths, files, mapped)
        (self.parts, byteCount) = (parts.parts, parts.byteCount)
        self.memory = memory + parts.seams
        guard byteCount > 0 else {
            throw DTrainError(.badData, "text file '\(name)' is empty; name a file that has text in it")
        }
    }

    /// What was named, for messages: at most three paths.
    var name: String {
        let shown = paths.prefix(3).joined(separator: ", ")
        return paths.count > 3 ? "\(shown) and \(paths.count - 3) more" : shown
    }

    /// Whether a path leads to a pipe; refuses what is neither a pipe nor a file.
    private static func isPipe(_ path: String) throws -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            let isDescriptor = path.hasPrefix("/dev/fd/") || path == "/dev/stdin"
            throw DTrainError(
                .noInput,
                "cannot open text file '\(path)': \(systemMessage(code)); "
                    + (isDescriptor ? "it isn't open here: write the text to a file and name that" : "check the path"))
        }
        let kind = FileKind(status)
        switch kind {
        case .regular: return false
        case .pipe: return true
        case .socket, .folder: throw unfit(path, kind.name)
        case .device:
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
            defer { if descriptor >= 0 { close(descriptor) } }
            throw unfit(path, descriptor >= 0 && isatty(descriptor) == 1 ? "a terminal" : kind.name)
        }
    }

    private static func unfit(_ path: String, _ what: String) -> DTrainError {
        DTrainError(.noInput, "text file '\(path)' is \(what), not a file; name a file")
    }

    private static func read(_ path: String, _ rule: PipeRule) throws -> [(memory: AlignedBuffer<UInt8>, count: Int)] {
        switch rule {
        case .refuse(let reason):
            throw DTrainError(
                .noInput, "text file '\(path)' is a pipe, \(reason); write its text to a file and name that")
        case .read(let isWanted): return try PipeText().read(path, while: isWanted)
        }
    }
}

extension JoinedText {
    /// Calls `body` with the memory of a range of the text, piece by piece, until it returns false.
    func forEachPiece(of range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Bool) {
        for part in parts[TextCursor.index(in: parts, of: range.lowerBound)...] {
            guard part.start < range.upperBound else { return }
            let first = max(range.lowerBound - part.start, 0)
            let end = min(range.upperBound - part.start, part.bytes.count)
            guard first < end else { continue }
            guard body(UnsafeRawBufferPointer(rebasing: part.bytes[first..<end])) else { return }
        }
    }

    /// A copy of a range of the text, as far as there is any.
    func bytes(_ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        forEachPiece(of: range.clamped(to: 0..<byteCount)) {
            result += $0
            return true
        }
        return result
    }

    /// The file that has a byte of the text.
    func file(at offset: Int) -> File? { files.first { $0.range.contains(offset) } }

    /// The line that a byte of a file is in, from 1.
    func line(of offset: Int, in file: File) -> Int {
        var count = 1
        forEachPiece(of: file.range.lowerBound..<offset) { piece in
            count += piece.count { $0 == UInt8(ascii: "\n") }
            return true
        }
        return count
    }
}
