/// A writer of safetensors files with float32 tensors; the same content always gives the same
/// bytes.
package enum SafetensorsWriter {
    /// A tensor to write.
    package struct Tensor {
        /// The name in the file.
        package let name: String
        /// The sizes of its dimensions, row-major.
        package let shape: [Int]
        /// The elements; the shape determines their number.
        let elements: UnsafeBufferPointer<Float>

        /// Describes a tensor in memory.
        package init(name: String, shape: [Int], pointer: UnsafePointer<Float>) {
            self.name = name
            self.shape = shape
            elements = UnsafeBufferPointer(start: pointer, count: shape.reduce(1, *))
        }

        var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(elements) }
    }

    /// Writes a file atomically: the header, then the tensors in the header's order.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when writing fails.
    package static func write(
        to path: String, header: [UInt8], tensors: [Tensor], replaces: Bool = true, with calls: FileCalls = .system
    ) throws {
        try AtomicFile.write(to: path, replaces: replaces, with: calls) { writer in
            try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try writer.write($0) }
            try header.withUnsafeBytes { try writer.write($0) }
            for tensor in tensors { try writer.write(tensor.bytes) }
        }
    }

    /// The header entry of a tensor without its offsets, which follow from the order.
    struct Entry {
        let name: String
        let type: String
        let shape: [Int]
        let byteCount: Int
    }

    /// The header of a file of float32 tensors.
    package static func header(tensors: [Tensor], metadata: [String: String]) -> [UInt8] {
        header(
            entries: tensors.map {
                Entry(
                    name: $0.name, type: ElementType.float32.name, shape: $0.shape, byteCount: $0.bytes.count)
            }, metadata: metadata.sorted { $0.key < $1.key })
    }

    /// The header's text, padded with spaces so that the data starts at a multiple of 8 bytes.
    static func header(entries: [Entry], metadata: [(key: String, value: String)]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let values = metadata.map { "\(quoted($0.key)):\(quoted($0.value))" }
            members.append("\(quoted(SafetensorsHeader.metadataName)):{\(values.joined(separator: ","))}")
        }
        var offset = 0
        for entry in entries {
            let end = offset + entry.byteCount
            let shape = entry.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(quoted(entry.name)):{\"dtype\":\(quoted(entry.type)),\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var text = Array("{\(members.joined(separator: ","))}".utf8)
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
        return text
    }

    /// The text as a JSON string.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<"\u{10}": result += "\\u000" + String(scalar.value, radix: 16)
            case "\u{10}"..<"\u{20}": result += "\\u00" + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
