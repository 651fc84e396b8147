import DTrainCore
import DistributedTesting
import Foundation
import Testing

@testable import DTrainDistributed

/// The event files created, kept and deleted at the start of a training.
@Suite struct EventFolderTests {
    private let scratch: ScratchFolder
    private var folder: EventFolder { EventFolder(path: scratch.file("events")) }

    init() throws { scratch = try ScratchFolder() }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: scratch.file("events")).sorted() }
    }

    private func createFiles(_ names: String...) throws {
        try FileManager.default.createDirectory(atPath: scratch.file("events"), withIntermediateDirectories: true)
        for name in names { try Data().write(to: URL(fileURLWithPath: scratch.file("events/\(name)"))) }
    }

    @Test func fileNamesContainTimeHostAndProcess() throws {
        let before = time(nil)
        let file = try folder.createFile(after: .none)
        let name = try #require(try names.first)
        #expect(file.path == scratch.file("events/\(name)"))
        let match = try #require(try /events\.out\.tfevents\.(\d{10})\.(.+)\.(\d+)\.dtrain/.wholeMatch(in: name))
        let seconds = try #require(Int(match.1))
        #expect((before...time(nil)).contains(seconds))
        #expect(String(match.2) == currentHostName() && Int(match.3) == Int(getpid()))
    }

    /// Readers read the files in order of their names.
    @Test func theFileOfAResumeSortsLast() throws {
        let ahead = "events.out.tfevents.4000000000.other.1.dtrain"
        try createFiles(ahead, "events.out.tfevents.x.dtrain", "events.out.tfevents.99999999999999999999.y", "zzz")
        for _ in 1...3 { _ = try folder.createFile(after: .saved(TrainingProgress())) }
        let own = try names.filter { $0.contains(".\(currentHostName()).\(getpid()).") }
        #expect(own.map { $0.prefix(30) } == (1...3).map { "events.out.tfevents.400000000\($0)" })
    }

    @Test func eventsOfAnotherTrainingAreReplacedOnlyIfDiscarded() throws {
        let (own, foreign) = ("events.out.tfevents.1700000000.host.1.dtrain", "events.out.tfevents.1700000000.host.1.0")
        try createFiles(own, foreign, "notes.dtrain")
        let error = try #require(throws: DTrainError.self) { try folder.createFile(after: .none) }
        #expect(error.category == .usage && error.hint?.contains("`overwrite`") == true, "\(error)")
        #expect(try names == [own, foreign, "notes.dtrain"].sorted())
        _ = try folder.createFile(after: .unsaved)
        #expect(try names.count == 4)
        _ = try folder.createFile(after: .discarded)
        let left = try names
        #expect(left.contains(foreign) && left.contains("notes.dtrain") && !left.contains(own) && left.count == 3)
    }

    @Test func aFileInsteadOfAFolderIsRejected() throws {
        try Data().write(to: URL(fileURLWithPath: scratch.file("events")))
        let error = try #require(throws: DTrainError.self) { try folder.check(.none) }
        #expect(error.category == .usage && error.message.hasSuffix("is a file; name a folder"), "\(error)")
    }

    @Test func parentFoldersAreCreated() throws {
        let deep = EventFolder(path: scratch.file("a/b/c"))
        try deep.check(.none)
        #expect(!FileManager.default.fileExists(atPath: scratch.file("a")))
        _ = try deep.createFile(after: .none)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("a/b/c")).count == 1)
    }

    @Test func aFolderThatCannotBeCreatedIsAnError() throws {
        // A system folder in which even root can't create files.
        let error = try #require(throws: DTrainError.self) {
            try EventFolder(path: "/proc/self/events").createFile(after: .none)
        }
        #expect(error.category == .inputOutput && error.message.contains("'/proc/self/events'"), "\(error)")
    }
}
