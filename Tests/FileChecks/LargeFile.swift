/// Large files built so that a careless reader needs many times their size in memory.
enum LargeFile: String, CaseIterable {
    case newlines, lineWithoutEnd, nestedLine, manyLines
    case manySteps, runNewlines, runLineWithoutEnd
    case nestedHeader, escapedValue, manyTensors, manyMetadata
    case lossHistory, vocabulary, nestedConfiguration, longConfiguration
    case wideText, everyCharacter, zeros, invalidText

    /// The approximate size of each file in bytes; set before the first one is created.
    nonisolated(unsafe) static var size = 4 << 20

    var reader: Reader {
        switch self {
        case .newlines, .lineWithoutEnd, .nestedLine, .manyLines: .metrics
        case .manySteps, .runNewlines, .runLineWithoutEnd: .run
        case .wideText, .everyCharacter, .zeros, .invalidText: .text
        case .nestedHeader, .escapedValue, .manyTensors, .manyMetadata: .weights
        case .lossHistory, .vocabulary, .nestedConfiguration, .longConfiguration: .checkpoint
        }
    }

    var mustBeRejected: Bool { ![.manyLines, .manySteps, .wideText, .zeros, .escapedValue].contains(self) }

    func bytes(_ scratch: Scratch) throws -> [UInt8] {
        switch self {
        case .newlines, .runNewlines: return Self.filled("\n")
        case .lineWithoutEnd, .runLineWithoutEnd: return Array("{".utf8) + Self.filled("x")
        case .nestedLine: return Self.filled("[") + Array("\n".utf8)
        case .manyLines: return Self.filled("{\"epoch\":1,\"step\":1}\n")
        case .manySteps:
            let lines = (1...Self.size / 32).map { "{\"step\":\($0),\"loss\":1,\"seconds\":1}\n" }
            return Array(lines.joined().utf8)
        case .nestedHeader: return Sealing.file(header: Array("{\"a\":".utf8) + Self.filled("["), data: [])
        case .escapedValue:
            return try Self.foreign(metadata: "\"format\": \"\(String(repeating: "\\n", count: Self.size / 2))\"")
        case .manyTensors:
            let members = (0..<200_000).map {
                "\"\($0)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"
            }
            return Sealing.file(header: Array("{\(members.joined(separator: ","))}".utf8), data: [])
        case .manyMetadata:
            return try Self.foreign(metadata: (0..<600_000).map { "\"\($0)\":\"\"" }.joined(separator: ","))
        case .lossHistory:
            return try Self.with("[2.7409,0.5]", "[\(String(repeating: "0,", count: Self.size / 2))0]", scratch)
        case .vocabulary:
            return try Self.with(
                "[\\\"[UNK]\\\"", "[\\\"[UNK]\\\"\(String(repeating: ",\\\"a\\\"", count: Self.size / 6))", scratch)
        case .nestedConfiguration:
            return try Self.with("{\\\"model\\\":", String(repeating: "[", count: Self.size), scratch)
        case .longConfiguration:
            return try Self.with(
                "{\\\"model\\\":", "{\\\"x\\\":[\(String(repeating: "1,", count: Self.size / 2))1],\\\"model\\\":",
                scratch)
        case .wideText: return Self.filled("😀é")
        case .everyCharacter:
            return (0..<UInt32(0x110000)).compactMap { Unicode.Scalar($0) }.flatMap { Array(String($0).utf8) }
        case .zeros: return [UInt8](repeating: 0, count: Self.size)
        case .invalidText: return Self.filled("é") + [0xC3]
        }
    }

    private static func filled(_ piece: String) -> [UInt8] {
        let piece = Array(piece.utf8)
        return Array(repeatElement(piece, count: size / piece.count).joined())
    }

    private static func foreign(metadata: String) throws -> [UInt8] {
        try replacing("\"format\": \"pt\"", with: metadata, in: Sample.foreign) { Sealing.file(header: $0, data: $1) }
    }

    private static func with(_ old: String, _ new: String, _ scratch: Scratch) throws -> [UInt8] {
        let sample = try Sample.file(.gru, layers: 1, .training, scratch)
        return try replacing(old, with: new, in: sample) { Sealing.sealed(header: $0, data: $1) }
    }

    private static func replacing(
        _ old: String, with new: String, in file: [UInt8], _ join: ([UInt8], [UInt8]) -> [UInt8]
    ) throws -> [UInt8] {
        guard let parts = Sealing.parts(file), let start = Sealing.position(of: old, in: parts.header) else {
            throw CheckFailure("no \(old) in the sample")
        }
        var header = parts.header
        header.replaceSubrange(start..<start + old.utf8.count, with: new.utf8)
        return join(header, parts.data)
    }
}
