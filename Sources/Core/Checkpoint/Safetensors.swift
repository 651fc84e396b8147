/// A safetensors file, opened for reading.
///
/// The format is: the header's length (8 bytes, little-endian), a JSON header, the tensors' bytes.
/// The file is memory-mapped, not read. Nothing in it is trusted: a file that violates the format
/// is rejected as a whole.
///
/// Tensors of F32, F16, BF16 and F64 can be copied as float32; tensors of other types are only
/// listed.
///
/// Not supported: unknown keys of a tensor, and more than 8 dimensions.
package struct Safetensors: Sendable {
    /// One tensor of the file.
    package struct TensorView: Hashable, Sendable {
        /// The type of its elements.
        package var elementType = ElementType.float32
        /// The sizes of its dimensions, row-major.
        package let shape: [Int]
        /// The range of its bytes, counted from the end of the header.
        package let range: Range<Int>
    }

    /// The longest accepted header in bytes, as in the reference implementation.
    package static let maximumHeader = 100_000_000
    /// The number of bytes before the header, which hold its length.
    static let prefix = 8
    private static let chunk = 4 << 20

    /// The file's path.
    package let path: String
    /// The tensors by name.
    package let tensors: [String: TensorView]
    /// The names of the tensors in the order of the data.
    package let names: [String]
    /// The free-form metadata; empty if the file has none.
    package let metadata: [String: String]
    /// The range of each metadata value in the header.
    let metadataRanges: [String: Range<Int>]
    private let file: MappedFile
    private let headerCount: Int
    private let kind: String
    private let heartbeat: Heartbeat?

    /// Opens a file and verifies its structure.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - kind: the word for the file in messages.
    ///   - heartbeat: beats while the file is read, now and later.
    /// - Throws: `DTrainError` with `noInput` when the file can't be opened, with `badData` when it
    ///   isn't a complete safetensors file.
    package init(path: String, kind: String = "checkpoint", heartbeat: Heartbeat? = nil) throws {
        let file = try MappedFile(path: path, kind: kind)
        let header: SafetensorsHeader
        do {
            headerCount = try Self.headerCount(file.bytes)
            let text = UnsafeRawBufferPointer(rebasing: file.bytes[Self.prefix..<Self.prefix + headerCount])
            header = try SafetensorsHeader(text, dataCount: file.bytes.count - Self.prefix - headerCount)
        } catch let problem as JSONScanner.Problem {
            throw Self.unreadable(kind, path, problem.text, file.bytes)
        }
        self.path = path
        self.file = file
        self.kind = kind
        self.heartbeat = heartbeat
        tensors = header.tensors
        names = header.names
        metadata = header.metadata
        metadataRanges = header.metadataRanges
    }

    /// Calls `body` with the header's bytes, including padding, and all tensors' bytes in the order
    /// of the file.
    func withBytes<Result>(
        _ body: (_ header: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let dataStart = Self.prefix + headerCount
        return try withExtendedLifetime(file) {
            try body(
                UnsafeRawBufferPointer(rebasing: file.bytes[Self.prefix..<dataStart]),
                UnsafeRawBufferPointer(rebasing: file.bytes[dataStart...]))
        }
    }

    /// Adds the bytes of some tensors to a checksum, in the order of the names.
    ///
    /// Works chunk by chunk, so that verifying a file during training doesn't make all of it
    /// resident.
    func add(_ names: some Sequence<String>, to checksum: inout Checksum) {
        let start = Self.prefix + headerCount
        withExtendedLifetime(file) {
            for name in names {
                guard let range = tensors[name]?.range else { continue }
                var rest = file.bytes[start + range.lowerBound..<start + range.upperBound]
                while !rest.isEmpty {
                    let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.chunk))
                    checksum.update(part)
                    file.release(part)
                    heartbeat?.beat()
                    rest = rest.dropFirst(Self.chunk)
                }
            }
        }
    }

    /// Copies a tensor to memory.
    ///
    /// - Parameters:
    ///   - name: the tensor.
    ///   - destination: the destination, with room for all elements of `shape`.
    ///   - shape: the required shape.
    /// - Throws: `DTrainError` with `badData` when the tensor is missing or has another shape.
    package func copy(
        _ name: String, into destination: UnsafeMutablePointer<Float>, expecting shape: [Int]
    ) throws {
        let view = try require(name, shape: shape)
        let size = view.elementType.byteCount ?? 1
        withBytes { _, data in
            var (rest, target) = (data[view.range], destination)
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.chunk))
                if view.elementType == .float32 {
                    // The tensor may start at any byte, so it is copied as raw bytes.
                    UnsafeMutableRawBufferPointer(start: target, count: part.count).copyMemory(from: part)
                } else {
                    view.elementType.convert(part, to: target)
                }
                heartbeat?.beat()
                target += part.count / size
                rest = rest.dropFirst(Self.chunk)
            }
        }
    }

    /// The tensor with the given name; throws if it is missing, or has another shape or an
    /// unsupported type.
    @discardableResult
    package func require(_ name: String, shape: [Int]) throws -> TensorView {
        guard let view = tensors[name] else {
            throw unfit("has no tensor \(name.quotedForMessage), of shape \(shape), which the model needs")
        }
        guard view.shape == shape else {
            throw unfit("holds tensor \(name.quotedForMessage) in shape \(view.shape) where \(shape) is needed")
        }
        guard view.elementType.isFloat else {
            throw unfit(
                "holds tensor \(name.quotedForMessage) of type \(view.elementType.name.quotedForMessage) where F32, F16, BF16 or "
                    + "F64 is needed")
        }
        return view
    }

    /// The error for a file that was changed after dtrain wrote it.
    func damaged(_ reason: String) -> DTrainError {
        DTrainError(
            .badData,
            "\(kind) '\(path)' is damaged: \(reason); use an intact copy, or save its weights without dtrain's metadata"
        )
    }

    /// The error for an intact file that is unsuitable.
    ///
    /// - Parameters:
    ///   - reason: the rest of the sentence that starts with the file's name.
    ///   - advice: the next step for the user.
    package func unfit(_ reason: String, advice: String = "use another file") -> DTrainError {
        DTrainError(.badData, "\(kind) '\(path)' \(reason); \(advice)")
    }

    private static func unreadable(
        _ kind: String, _ path: String, _ reason: String, _ bytes: UnsafeRawBufferPointer
    ) -> DTrainError {
        if let other = ForeignFormat.describe(bytes, path: path) {
            return DTrainError(.badData, "\(kind) '\(path)' \(other)")
        }
        return DTrainError(
            .badData, "\(kind) '\(path)' is damaged or not a safetensors file: \(reason); use another or an intact copy"
        )
    }

    private static func headerCount(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        guard bytes.count >= prefix else {
            throw JSONScanner.Problem(
                text: "it has \(bytes.count) bytes, but the length of the header alone takes \(prefix)")
        }
        let announced = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard announced <= UInt64(maximumHeader) else {
            throw JSONScanner.Problem(text: "its header would have \(announced) bytes, more than \(maximumHeader)")
        }
        let count = Int(announced)
        guard count <= bytes.count - prefix else {
            throw JSONScanner.Problem(
                text: "its header has \(count) bytes, but the file holds only \(bytes.count - prefix) of them")
        }
        return count
    }
}
