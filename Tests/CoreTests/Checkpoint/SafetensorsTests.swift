import DistributedTesting
import Testing

@testable import DTrainCore

@Suite struct SafetensorsTests {
    private let folder: ScratchFolder
    private let path: String

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("x.safetensors")
    }

    private func write(header: String, data: [UInt8] = []) throws {
        let count = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        try writeBytes(count + Array(header.utf8) + data, to: path)
    }

    private func floats(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { index in withUnsafeBytes(of: Float(index)) { Array($0) } }
    }

    @Test func writtenBytesMatchTheFormat() throws {
        let values: [Float] = [1, 2]
        try values.withUnsafeBufferPointer { buffer in
            let tensor = SafetensorsWriter.Tensor(name: "a", shape: [2, 1], pointer: try #require(buffer.baseAddress))
            try writeSafetensors([tensor], metadata: ["k": "\"\n\u{1F}é"], to: path)
        }
        let header = #"{"__metadata__":{"k":"\"\u000a\u001fé"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#
        let padding = (8 - header.utf8.count % 8) % 8
        let length = UInt8(header.utf8.count + padding)
        #expect(
            try readBytes(path) == [length, 0, 0, 0, 0, 0, 0, 0] + Array(header.utf8)
                + Array(repeating: 0x20, count: padding) + [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
        let file = try Safetensors(path: path)
        #expect(file.metadata == ["k": "\"\n\u{1F}é"])
        #expect(file.tensors == ["a": .init(shape: [2, 1], range: 0..<8)])
    }

    @Test(arguments: [0, 1, 2, 3]) func tensorsAreReadAtAnyAlignment(padding: Int) throws {
        let header =
            #" "b":{"data_offsets":[4,12],"shape":[2],"dtype":"F32"},"#
            + #""a":{"shape":[],"dtype":"F32","data_offsets":[0,4]}}"#
        try write(header: "{" + String(repeating: " ", count: padding) + header, data: floats(3))
        let file = try Safetensors(path: path)
        #expect(file.names == ["a", "b"])
        var values: [Float] = [0, 0]
        try file.copy("b", into: &values, expecting: [2])
        #expect(values == [1, 2])
        _ = try requireError(.badData) { try file.copy("b", into: &values, expecting: [1, 2]) }
        _ = try requireError(.badData) { try file.copy("c", into: &values, expecting: [2]) }
    }

    /// 1, −⅓, the smallest and the largest value of each type; the bits follow IEEE 754.
    @Test(arguments: [0, 1]) func everyFloatTypeIsConverted(padding: Int) throws {
        let half: [UInt16] = [0x3C00, 0xB555, 0x0001, 0x7BFF]
        let brain: [UInt16] = [0x3F80, 0xBEAB, 0x0001, 0x7F7F]
        let double: [Double] = [1, -1.0 / 3, 0x1p-149, 0x1.fffffep127]
        let data =
            half.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } }
            + brain.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } }
            + double.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } }
        let header =
            #""h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[8,16]},"#
            + #""d":{"dtype":"F64","shape":[4],"data_offsets":[16,48]}}"#
        try write(header: "{" + String(repeating: " ", count: padding) + header, data: data)
        let file = try Safetensors(path: path)
        func values(_ name: String) throws -> [Float] {
            var values = [Float](repeating: 0, count: 4)
            try file.copy(name, into: &values, expecting: [4])
            return values
        }
        #expect(try values("h") == [1, -0x1.554p-2, 0x1p-24, 65504])
        #expect(try values("b") == [1, -0x1.56p-2, 0x1p-133, 0x1.fep127])
        #expect(try values("d") == [1, -0x1.555556p-2, 0x1p-149, 0x1.fffffep127])
    }

    @Test func tensorsOfOtherTypesAreListedButNotCopied() throws {
        let header =
            #"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F4_NEW","shape":[9],"data_offsets":[8,12]}}"#
        try write(header: header, data: floats(3))
        let file = try Safetensors(path: path)
        #expect(file.names == ["a", "b"])
        var value: Float = 0
        let error = try requireError(.badData) { try file.copy("a", into: &value, expecting: [1]) }
        #expect(error.message.contains("'a' of type 'I64'"))
    }

    @Test func everyEscapeIsDecoded() throws {
        try write(header: #"{"__metadata__":{"\u0061":"\"\\\/\b\f\n\r\t\u00e9\ud83D\uDE00"}}"#)
        #expect(try Safetensors(path: path).metadata == ["a": "\"\\/\u{8}\u{C}\n\r\té😀"])
    }

    /// Headers that contradict 8 bytes of data.
    @Test(arguments: [
        "", "[]", "null", "{", "{}", #"{"a":1}"#, #"{"a":{}}"#, #"{"a":{"dtype":"F32","shape":[2]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}},"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":0}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"I64","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        #"{"__metadata__":{"k":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"__metadata__":{"k":"","k":""},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"__metadata__":{},"__metadata__":{},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"__metadata__":[],"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"\ud83d":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"\udc00\ud83d":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"\u00g0":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        #"{"\x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, #"{"\"#, #"{"\u12"#, "{\"a\nb\":{}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}\0",
    ]) func malformedHeadersAreRejected(header: String) throws {
        try write(header: header, data: floats(2))
        let error = try requireError(.badData) { _ = try Safetensors(path: path) }
        #expect(error.message.contains("'\(path)'"))
    }

    @Test func aWellFormedHeaderIsAccepted() throws {
        try write(header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: floats(2))
        #expect(try Safetensors(path: path).names == ["a"])
    }

    @Test(arguments: ["[", "{\"a\":", "{\"a\":["]) func deepNestingIsRejected(unit: String) throws {
        try write(header: "{\"a\":" + String(repeating: unit, count: 100_000))
        _ = try requireError(.badData) { _ = try Safetensors(path: path) }
    }

    @Test(
        arguments: [
            [], [1, 2, 3, 4, 5, 6, 7], [1, 0, 0, 0, 0, 0, 0, 0], Array(repeating: 0xFF, count: 8),
            [0x02, 0xE1, 0xF5, 0x05, 0, 0, 0, 0, 0x7B, 0x7D], [5, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0x22, 0x7D],
        ] as [[UInt8]]) func invalidHeaderLengthsAndEncodingsAreRejected(bytes: [UInt8]) throws
    {
        try writeBytes(bytes, to: path)
        _ = try requireError(.badData) { _ = try Safetensors(path: path) }
    }

    @Test func namesInMessagesAreShortenedAndPrintable() throws {
        let name = "\\n\\u001b[31m" + String(repeating: "x", count: 1000)
        try write(header: #"{"\#(name)":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}"#, data: floats(2))
        let error = try requireError(.badData) { _ = try Safetensors(path: path) }
        #expect(error.message.utf8.count < 400)
        #expect(error.message.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test func aMissingFileAndAFolderAreNoInput() throws {
        _ = try requireError(.noInput) { _ = try Safetensors(path: path) }
        _ = try requireError(.noInput) { _ = try Safetensors(path: folder.path) }
    }
}
