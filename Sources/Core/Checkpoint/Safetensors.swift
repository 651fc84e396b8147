/// A safetensors file, opened for reading.
///
/// The format: the header's length (8 bytes, little-endian), a JSON header, the tensors' bytes. The file is mapped, not
/// read, and nothing in it is believed: a file that isn't exactly as the format wants it is refused as a whole.
///
/// Tensors of F32, F16, BF16 and F64 can be copied, as float32; those of other types are only listed.
///
/// Not supported: keys of a tensor that the format doesn't know, more than 8 dimensions.
package struct Safetensors: Sendable {
    /// One tensor of the file.
    package struct TensorView: Hashable, Sendable {
        /// The type of its elements.
        package var elementType = ElementType.float32
        /// The sizes of its dimensions, row-major.
        package let shape: [Int]
        /// Its bytes, counted from the end of the header.
        package let range: Range<Int>
    }

    /// The longest header that is read, as in the reference implementation.
    package static let maximumHeader = 100_000_000
    /// The bytes before the header, which give its length.
    static let prefix = 8
    private static let chunk = 4 << 20

    /// The file's path.
    package let path: String
    /// The tensors by name.
    package let tensors: [String: TensorView]
    /// The names in the order in which the tensors lie in the file.
    package let names: [String]
    /// The free-form metadata; empty when the file has none.
    package let metadata: [String: String]
    /// Where each metadata value lies in the header.
    let metadataRanges: [String: Range<Int>]
    private let file: MappedFile
    private let headerCount: Int
    private let kind: String
    private let heartbeat: Heartbeat?

    /// Opens a file and checks its structure.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - kind: what the file is to the user, for the error message.
    ///   - heartbeat: shows that reading goes on, here and later.
    /// - Throws: `DTrainError` with `noInput` when it can't be opened, `badData` when it isn't a whole safetensors
    ///   file.
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

    /// Lends the header's bytes (padding included) and all tensors' bytes in the order of the file.
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
    /// Chunk by chunk, so that a process in mid-training that checks a file doesn't hold all of it in memory.
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

    /// Copies a tensor out of the file.
    ///
    /// - Parameters:
    ///   - name: the tensor.
    ///   - destination: room for all elements of `shape`.
    ///   - shape: the shape that it must have.
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
                    // The tensor may start at any byte; a copy of raw bytes doesn't mind.
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

    /// The tensor of that name, which must have that shape.
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

    /// The error for a file that was changed since dtrain has written it.
    func damaged(_ reason: String) -> DTrainError {
        DTrainError(
            .badData,
            "\(kind) '\(path)' is damaged: \(reason); use an intact copy, or save its weights without dtrain's metadata"
        )
    }

    /// The error for a sound file that isn't what is needed.
    ///
    /// - Parameters:
    ///   - reason: continues the sentence that the file's name begins.
    ///   - advice: what to do next.
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
                text: "it has \(bytes.count) bytes where the header's length alone takes \(prefix)")
        }
        let announced = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard announced <= UInt64(maximumHeader) else {
            throw JSONScanner.Problem(text: "its header would have \(announced) bytes, more than \(maximumHeader)")
        }
        let count = Int(announced)
        guard count <= bytes.count - prefix else {
            throw JSONScanner.Problem(text: "its header has \(count) bytes of which \(bytes.count - prefix) are there")
        }
        return count
    }
}
