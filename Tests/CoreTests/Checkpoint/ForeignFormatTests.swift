import DistributedTesting
import Testing

@testable import DTrainCore

/// Errors identify the actual format of files with a wrong extension.
@Suite struct ForeignFormatTests {
    private static let filler = [UInt8](repeating: 0x41, count: 600)

    private static let samples: [(bytes: [UInt8], parts: [String])] = [
        ([], ["is empty"]),
        (Array("<!DOCTYPE html>\n<html>".utf8) + filler, ["an HTML page", "download the file itself"]),
        (Array("\n  <HTML lang=\"en\">".utf8), ["an HTML page"]), (Array("<?xml version='1.0'?>".utf8), ["XML"]),
        (
            Array("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n".utf8),
            ["Git LFS pointer", "git lfs pull"]
        ),
        (zip("archive/data.pkl"), ["PyTorch", "docs/python.md"]), (zip("metadata.json"), ["Keras"]),
        (zip("gru.kernel.npy"), ["NumPy", ".npz"]), (zip("weights.bin"), ["a zip archive", "unzip"]),
        ([0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20] + filler, ["Python pickle"]),
        ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A] + filler, ["HDF5", "Keras"]),
        ([0x93] + Array("NUMPY".utf8) + filler, ["NumPy array"]),
        ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0] + filler, ["gunzip"]),
        (Array("BZh91AY&SY".utf8), ["bzip2"]), ([0x28, 0xB5, 0x2F, 0xFD] + filler, ["zstd"]),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0] + filler, ["xz"]),
        ([UInt8](repeating: 0, count: 300), ["starts with zeros", "fetch it again"]),
        (Array("{\"weight_map\": {}}".utf8), ["JSON", "an index of several files"]),
        (Array("Entry not found".utf8), ["a text", "'Entry not found'"]),
    ]

    private static func zip(_ name: String) -> [UInt8] {
        [0x50, 0x4B, 3, 4, 20, 0, 0, 0] + [UInt8](repeating: 1, count: 22) + Array(name.utf8) + filler
    }

    @Test(arguments: samples.indices) func theErrorNamesTheFormat(index: Int) throws {
        let (bytes, parts) = Self.samples[index]
        let folder = try ScratchFolder()
        let path = folder.file("weights.safetensors")
        try writeBytes(bytes, to: path)
        for open in [{ _ = try Checkpoint(path: path) }, { _ = try InitialWeights(path: path) }] as [() throws -> Void]
        {
            let error = try requireError(.badData, open)
            #expect(error.message.contains("'\(path)' "), "\(error)")
            for part in parts { #expect(error.message.contains(part), "\(error)") }
            #expect(!error.message.contains("header"), "\(error)")
        }
    }

    @Test func truncatedCheckpointsAreReportedAsDamaged() throws {
        let folder = try ScratchFolder()
        let path = folder.file("x")
        try SampleModel().write(to: path)
        let whole = try readBytes(path)
        for count in [7, 8, 9, 200, whole.count - 1] {
            try writeBytes(Array(whole[..<count]), to: path)
            let error = try requireError(.badData) { _ = try Checkpoint(path: path) }
            #expect(error.message.contains("is damaged or not a safetensors file"), "\(count): \(error)")
        }
    }
}
