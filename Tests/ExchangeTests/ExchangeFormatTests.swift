import DTrainCore
import Foundation
import Testing

@testable import Exchange

/// Valid output paths of models.
@Suite struct ExchangeFormatTests {
    private static let files: [ExchangeFormat] = [.pytorch, .keras, .onnx]

    @Test(arguments: files)
    func pipesAndFoldersAreNotReplaced(format: ExchangeFormat) throws {
        let scratch = try Scratch()
        let model = try sampleModel(.gru)
        let pipe = scratch.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        try expectRejected(.usage, "'\(pipe)' is a pipe", "name a file") {
            try format.write(model, to: pipe, overwrite: true)
        }
        #expect(FileKind(path: pipe) == .pipe)
        try expectRejected(.usage, "'\(scratch.path)/' is a folder", "'\(scratch.path)/model.") {
            try format.write(model, to: "\(scratch.path)/")
        }
    }

    @Test(arguments: files)
    func aPathWithATrailingSlashIsRejected(format: ExchangeFormat) throws {
        let scratch = try Scratch()
        try expectRejected(.usage, "model/' names a folder", "leave out the trailing slash") {
            try format.write(sampleModel(.gru), to: scratch.file("new/model/"))
        }
        #expect(!Folder.exists(scratch.file("new")))
    }

    @Test(arguments: ExchangeFormat.allCases)
    func anEmptyPathIsRejected(format: ExchangeFormat) throws {
        let kind = format == .dtrain ? "folder" : "file"
        try expectRejected(.usage, "`output` is empty; name a \(kind)") { try format.write(sampleModel(.gru), to: "") }
    }
}
