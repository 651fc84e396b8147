import Glibc

/// One or more files as one text, joined as `cat` joins them.
///
/// Files are memory-mapped, not copied. The text of a pipe is read into memory.
final class JoinedText: Sendable {
    /// A file of the text.
    struct File: Sendable {
        /// The path, including the folder it was found in.
        let path: String
        /// Whether it was found in a folder rather than named itself.
        let isFromFolder: Bool
        /// Whether it is a pipe, whose text is now in memory.
        let isPipe: Bool
        /// The range of its bytes in the text.
        let range: Range<Int>
    }

    /// The given paths.
    let paths: [String]
    /// The files, with each folder replaced by the files in it.
    let files: [File]
    /// The text in parts of whole characters.
    let parts: [TextPart]
    /// The number of bytes in the text.
    let byteCount: Int
    /// The mapped files, whose pages can be released.
    let mapped: [MappedFile]
    /// Memory that the parts refer to: the text of pipes, and characters that span files.
    private let memory: [AlignedBuffer<UInt8>]

    /// A limit below the 65,530 mappings that Linux allows a process by default.
    static let maximumFileCount = 60_000

    /// Opens all files.
    ///
    /// - Parameters:
    ///   - paths: files and folders.
    ///   - pipes: the rule for pipes.
    /// - Throws: `DTrainError` with `noInput` when a path can't be opened or is not a file, with
    ///   `badData` when the text is empty, with `inputOutput` when mapping fails.
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

    /// The given paths for messages: at most three of them.
    var name: String {
        let shown = paths.prefix(3).joined(separator: ", ")
        return paths.count > 3 ? "\(shown) and \(paths.count - 3) more" : shown
    }

    /// Whether a path leads to a pipe; throws if it leads to neither a pipe nor a regular file.
    private static func isPipe(_ path: String) throws -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            let isDescriptor = path.hasPrefix("/dev/fd/") || path == "/dev/stdin"
            throw DTrainError(
                .noInput,
                "cannot open text file '\(path)': \(systemMessage(code)); "
                    + (isDescriptor ? "it isn't open here: write the text to a file and pass that" : "check the path"))
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
                .noInput, "text file '\(path)' is a pipe, \(reason); write its text to a file and pass that")
        case .read(let shouldContinue): return try PipeText().read(path, while: shouldContinue)
        }
    }
}

extension JoinedText {
    /// Calls `body` with the bytes of a range of the text, piece by piece, until it returns false.
    func forEachPiece(of range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Bool) {
        for part in parts[TextCursor.index(in: parts, of: range.lowerBound)...] {
            guard part.start < range.upperBound else { return }
            let first = max(range.lowerBound - part.start, 0)
            let end = min(range.upperBound - part.start, part.bytes.count)
            guard first < end else { continue }
            guard body(UnsafeRawBufferPointer(rebasing: part.bytes[first..<end])) else { return }
        }
    }

    /// A copy of a range of the text, clamped to the text's bounds.
    func bytes(_ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        forEachPiece(of: range.clamped(to: 0..<byteCount)) {
            result += $0
            return true
        }
        return result
    }

    /// The file that holds the byte at an offset of the text.
    func file(at offset: Int) -> File? { files.first { $0.range.contains(offset) } }

    /// The line number, from 1, of a byte in its file.
    func line(of offset: Int, in file: File) -> Int {
        var count = 1
        forEachPiece(of: file.range.lowerBound..<offset) { piece in
            count += piece.count { $0 == UInt8(ascii: "\n") }
            return true
        }
        return count
    }
}
