/// The type of a tensor's elements in a safetensors file.
package enum ElementType: Hashable, Sendable {
    case float32, float16, bfloat16, float64
    /// A type that weights can't have, by its name in the format.
    case other(String)

    private static let floats: [(type: ElementType, name: String, byteCount: Int)] = [
        (.float32, "F32", 4), (.float16, "F16", 2), (.bfloat16, "BF16", 2), (.float64, "F64", 8),
    ]
    /// Bytes per element of the other types; types of less than a byte are omitted.
    private static let others = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4,
        "I64": 8, "U64": 8, "C64": 8,
    ]

    /// The type with a name in the format.
    init(name: String) {
        self = Self.floats.first { $0.name == name }?.type ?? .other(name)
    }

    /// The name in the format, such as `F32`.
    package var name: String {
        if case .other(let name) = self { return name }
        return Self.floats.first { $0.type == self }?.name ?? ""
    }

    /// The number of bytes per element; nil for an unknown type.
    var byteCount: Int? {
        if case .other(let name) = self { return Self.others[name] }
        return Self.floats.first { $0.type == self }?.byteCount
    }

    /// Whether weights can have this type.
    var isFloat: Bool {
        if case .other = self { return false }
        return true
    }

    /// Converts elements to float32: exactly, except that F64 is rounded to the nearest.
    ///
    /// - Parameters:
    ///   - bytes: whole elements, little-endian, at any alignment.
    ///   - target: the destination, with room for as many floats.
    func convert(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<Float>) {
        func each<Raw: FixedWidthInteger>(_: Raw.Type, _ value: (Raw) -> Float) {
            let width = MemoryLayout<Raw>.size
            for index in 0..<bytes.count / width {
                target[index] = value(
                    Raw(littleEndian: bytes.loadUnaligned(fromByteOffset: index * width, as: Raw.self)))
            }
        }
        switch self {
        case .float32: each(UInt32.self) { Float(bitPattern: $0) }
        case .float16: each(UInt16.self) { Float(Float16(bitPattern: $0)) }
        case .bfloat16: each(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .float64: each(UInt64.self) { Float(Double(bitPattern: $0)) }
        case .other: break
        }
    }
}
