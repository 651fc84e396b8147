import DistributedTesting
import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import DTrainCore

@Suite struct AtomicFileTests {
    private let folder: ScratchFolder
    private let path: String

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("data")
    }

    private func write(_ text: String) throws {
        try AtomicFile.write(to: path) { writer in
            for byte in text.utf8 { try withUnsafeBytes(of: byte) { try writer.write($0) } }
        }
    }

    @Test func aFileIsCreatedAndReplaced() throws {
        try write("first")
        #expect(try readBytes(path) == Array("first".utf8))
        try write("2nd")
        #expect(try readBytes(path) == Array("2nd".utf8))
        #expect(try folder.names == ["data"])
    }

    @Test func aFailedWriteKeepsTheOldFile() throws {
        try write("old")
        let failure = DTrainError(.inputOutput, "no")
        #expect(throws: failure) {
            try AtomicFile.write(to: path) { writer in
                try Array("new".utf8).withUnsafeBytes { try writer.write($0) }
                let names = try folder.names
                #expect(names.count == 2)
                throw failure
            }
        }
        #expect(try readBytes(path) == Array("old".utf8))
        #expect(try folder.names == ["data"])
    }

    @Test func aFailedRenameLeavesNoTemporaryFile() throws {
        #expect(mkdir(path, 0o777) == 0)
        let error = try requireError(.inputOutput) { try write("x") }
        #expect(error.message.contains("'\(path)'"))
        #expect(try folder.names == ["data"])
    }

    @Test func aMissingFolderIsReportedWithThePath() throws {
        let error = try requireError(.inputOutput) {
            try AtomicFile.write(to: folder.file("none/data")) { _ in }
        }
        #expect(error.message.contains("none/data") && error.message.contains("No such file"))
    }

    @Test func deletingTheFolderDuringAWriteIsAnError() throws {
        let lost = folder.file("lost")
        #expect(mkdir(lost, 0o777) == 0)
        _ = try requireError(.inputOutput) {
            try AtomicFile.write(to: "\(lost)/data") { _ in try FileManager.default.removeItem(atPath: lost) }
        }
        #expect(try folder.names == [])
    }

    @Test func onlyStaleTemporaryFilesAreRemoved() throws {
        let others = [
            ".data.tmp", "data", ".x.1-1.dtrain-tmp.keep", ".x.a-1.dtrain-tmp", ".x.1.dtrain-tmp", "x.1-1.dtrain-tmp",
        ]
        for name in others + [".ckpt_3.safetensors.4242-7.dtrain-tmp", ".x.1-1.dtrain-tmp"] {
            try writeBytes([1], to: folder.file(name))
        }
        let removed = try AtomicFile.removeStaleTemporaries(in: folder.path)
        #expect(removed.sorted() == [".ckpt_3.safetensors.4242-7.dtrain-tmp", ".x.1-1.dtrain-tmp"])
        #expect(try folder.names == others.sorted())
    }

    @Test func aTemporaryFileInUseIsKept() throws {
        try AtomicFile.write(to: path) { _ in
            let removed = try AtomicFile.removeStaleTemporaries(in: folder.path)
            #expect(removed.isEmpty)
        }
        #expect(try folder.names == ["data"])
    }

    @Test func removingOneFilesTemporaryFilesKeepsOthers() throws {
        let others = [".data.x.1-1.dtrain-tmp", ".other.1-1.dtrain-tmp"]
        for name in others + [".data.4242-7.dtrain-tmp"] { try writeBytes([1], to: folder.file(name)) }
        AtomicFile.removeStaleTemporaries(of: path)
        #expect(try folder.names == others)
    }

    /// Flushes between the pieces of a large file make the reported progress follow a slow disk.
    @Test func largeFilesAreFlushedWhileBeingWritten() throws {
        let largest = Mutex(0)
        let flushes = Mutex(0)
        var calls = FileCalls.system
        calls.write = { descriptor, bytes in
            largest.withLock { $0 = max($0, bytes.count) }
            return FileCalls.system.write(descriptor, bytes)
        }
        calls.flush = { descriptor in
            flushes.withLock { $0 += 1 }
            return FileCalls.system.flush(descriptor)
        }
        let content = [UInt8](repeating: 7, count: 2 * AtomicFile.flushInterval + 1)
        try AtomicFile.write(to: path, with: calls) { writer in
            try content.withUnsafeBytes { try writer.write($0) }
        }
        #expect(largest.withLock { $0 } == AtomicFile.piece)
        // Two between pieces, one of the file and one of the folder.
        #expect(flushes.withLock { $0 } == 4)
        #expect(try readBytes(path) == content)
    }

    @Test func aFailedIntermediateFlushIsAnError() throws {
        var calls = FileCalls.system
        calls.flush = { _ in
            errno = EIO
            return -1
        }
        let content = [UInt8](repeating: 7, count: AtomicFile.flushInterval)
        let error = try requireError(.inputOutput) {
            try AtomicFile.write(to: path, with: calls) { writer in
                try content.withUnsafeBytes { try writer.write($0) }
                Issue.record("the write continued after the failed flush")
            }
        }
        #expect(error.message.contains("cannot flush '\(path)': Input/output error"), "\(error)")
        #expect(try folder.names == [])
    }

    /// A write without replacement fails even if the file appears only while it runs.
    @Test func withoutReplacementAnExistingFileIsKept() throws {
        let folder = try ScratchFolder()
        let path = folder.file("new")
        let error = try requireError(.usage) {
            try AtomicFile.write(to: path, replaces: false) { writer in
                try [UInt8](repeating: 1, count: 3).withUnsafeBytes { try writer.write($0) }
                try writeBytes([2], to: path)
            }
        }
        #expect(error.message.contains("'\(path)' exists already"))
        #expect(try readBytes(path) == [2] && folder.names == ["new"])
        try AtomicFile.write(to: folder.file("other"), replaces: false) { writer in
            try [UInt8(3)].withUnsafeBytes { try writer.write($0) }
        }
        #expect(try readBytes(folder.file("other")) == [3] && folder.names == ["new", "other"])
    }
}
