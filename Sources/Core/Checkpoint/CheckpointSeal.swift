/// The seal of a dtrain checkpoint, which verifies that tensors and metadata are those that were
/// saved.
///
/// `dtrain_seal` is a checksum over dtrain's metadata and the tensors by name, independent of the
/// header's text. Another program may therefore save the file again with its own order and spelling
/// of the header.
///
/// Two further checksums also exist in files from before the seal. `tensor_checksum` covers all
/// tensor bytes in the order of the file. `metadata_checksum` covers the header's text, including
/// padding, with the digits of the checksum itself read as zeros. It detects any change to a file
/// that wasn't saved again by another program.
package enum CheckpointSeal {
    /// The result of verifying a file.
    enum Verdict: Hashable, Sendable {
        /// Tensors and metadata are those that dtrain saved.
        case sealed
        /// An older checkpoint, saved again by another program: the tensors are verified, the
        /// metadata isn't.
        case tensorsOnly
        /// A file without any of dtrain's keys.
        case foreign
    }

    /// The result of verifying a header's own checksum.
    enum Header: Hashable, Sendable {
        case asWritten
        /// Rewritten by another program.
        case rewritten
        case foreign
    }

    private static let blank = [UInt8](repeating: UInt8(ascii: "0"), count: 32)
    /// Keys that only dtrain writes; other programs also use `format`, `vocabulary`, `step` and the
    /// rest.
    private static let ownKeys: [CheckpointKey] = [
        .dtrainVersion, .seal, .tensorChecksum, .metadataChecksum, .corpusChecksum, .lossHistory, .stepInEpoch,
    ]

    /// Whether a file claims to be dtrain's, in any of several keys, so that one damaged byte can't
    /// hide it.
    package static func isPresent(in file: Safetensors) -> Bool {
        file[.format] == Checkpoint.format || ownKeys.contains { file[$0] != nil }
    }

    /// Verifies the header of a file.
    ///
    /// - Throws: `DTrainError` with `badData` when a header written by dtrain was changed.
    static func verifyHeader(_ file: Safetensors) throws -> Header {
        guard isPresent(in: file) else { return .foreign }
        if let digits = file.metadataRanges[CheckpointKey.metadataChecksum.rawValue], digits.count == blank.count {
            let found = try file.withBytes { header, _ in try checksum(of: header, without: digits) }
            if found == file[.metadataChecksum] { return .asWritten }
        }
        // Files saved by another program only need a valid seal. A header written by dtrain must be
        // intact to the last byte.
        let isOwn = file[.seal] == nil ? file.hasCanonicalStart : file.hasCanonicalHeader
        guard !isOwn, file[.metadataChecksum] != nil else {
            throw file.damaged("its header was changed (the checksum differs)")
        }
        return .rewritten
    }

    /// Verifies the tensors, and the metadata if a seal covers it; reads the whole file.
    ///
    /// - Parameters:
    ///   - file: the file.
    ///   - header: the result of `verifyHeader`.
    ///   - layout: the model's tensors.
    /// - Throws: `DTrainError` with `badData` when the data that dtrain saved was changed.
    static func verify(_ file: Safetensors, _ header: Header, layout: ParameterLayout) throws -> Verdict {
        if header == .foreign { return .foreign }
        if let expected = file[.seal] {
            guard try seal(of: file, layout) == expected else {
                throw file.damaged("its tensors or its metadata were changed (the seal differs)")
            }
            return .sealed
        }
        let names = header == .asWritten ? file.names : canonicalOrder(of: file, layout)
        var checksum = try Checksum()
        file.add(names, to: &checksum)
        guard checksum.hexadecimal == file[.tensorChecksum] else {
            throw file.damaged("its tensors were changed (the checksum differs)")
        }
        return header == .asWritten ? .sealed : .tensorsOnly
    }

    /// The names of the tensors in the order in which dtrain writes them.
    private static func canonicalOrder(of file: Safetensors, _ layout: ParameterLayout) -> [String] {
        let parameters = layout.tensors.map(\.name)
        return file.slotNames(layout).sorted().reduce(parameters) { names, slot in
            names + parameters.map { SlotTensor.name(slot: slot, parameter: $0) }
        }
    }

    private static func checksum(of header: UnsafeRawBufferPointer, without digits: Range<Int>) throws -> String {
        var checksum = try Checksum()
        checksum.update(UnsafeRawBufferPointer(rebasing: header[..<digits.lowerBound]))
        blank.withUnsafeBytes { checksum.update($0) }
        checksum.update(UnsafeRawBufferPointer(rebasing: header[digits.upperBound...]))
        return checksum.hexadecimal
    }
}

extension CheckpointSeal {
    /// The header of a checkpoint, including its checksums.
    static func header(tensors: [SafetensorsWriter.Tensor], metadata: [CheckpointKey: String]) throws -> [UInt8] {
        var data = try Checksum()
        for tensor in tensors { data.update(tensor.bytes) }
        var strings = metadata
        strings[.tensorChecksum] = data.hexadecimal
        strings[.seal] = try seal(strings, tensors)
        strings[.metadataChecksum] = String(decoding: blank, as: UTF8.self)
        var header = SafetensorsWriter.header(
            tensors: tensors,
            metadata: Dictionary(uniqueKeysWithValues: strings.map { ($0.key.rawValue, $0.value) }))
        let dataCount = tensors.reduce(0) { $0 + $1.bytes.count }
        // Parsing also verifies that the header can be read again.
        let parsed = try? header.withUnsafeBytes { try SafetensorsHeader($0, dataCount: dataCount) }
        guard let digits = parsed?.metadataRanges[CheckpointKey.metadataChecksum.rawValue], digits.count == blank.count
        else { throw DTrainError(.internal, "the checkpoint's header cannot be read back; please report this") }
        let checksum = header.withUnsafeBytes { Checksum.hexadecimal(of: $0) }
        header.replaceSubrange(digits, with: checksum.utf8)
        return header
    }

    /// The seal of tensors and metadata to be written.
    private static func seal(
        _ metadata: [CheckpointKey: String], _ tensors: [SafetensorsWriter.Tensor]
    ) throws -> String {
        var checksum = try Checksum()
        checksum.add(metadata)
        for tensor in tensors.sorted(by: { $0.name < $1.name }) {
            checksum.add(tensor.name, type: .float32, shape: tensor.shape)
            checksum.update(tensor.bytes)
        }
        return checksum.hexadecimal
    }

    /// The seal of a file's metadata, parameters, slots and stream states; other tensors don't
    /// count.
    private static func seal(of file: Safetensors, _ layout: ParameterLayout) throws -> String {
        let parameters = Set(layout.tensors.map(\.name))
        let states = Set(file.stateNames(of: layout.configuration))
        var checksum = try Checksum()
        checksum.add(
            CheckpointKey.allCases.reduce(into: [:]) { metadata, key in metadata[key] = file[key] })
        for (name, view) in file.tensors.sorted(by: { $0.key < $1.key })
        where parameters.contains(name) || parameters.contains(SlotTensor.parameter(of: name)) || states.contains(name)
        {
            checksum.add(name, type: view.elementType, shape: view.shape)
            file.add(CollectionOfOne(name), to: &checksum)
        }
        return checksum.hexadecimal
    }
}

extension Checksum {
    /// Adds dtrain's metadata in the order of the keys, except the seal and the metadata checksum.
    fileprivate mutating func add(_ metadata: [CheckpointKey: String]) {
        let sealed = metadata.filter { $0.key != .seal && $0.key != .metadataChecksum }
        add(sealed.count)
        for (key, value) in sealed.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            add(key.rawValue)
            add(value)
        }
    }

    /// Adds a tensor's name, type and shape.
    fileprivate mutating func add(_ name: String, type: ElementType, shape: [Int]) {
        add(name)
        add(type.name)
        add(shape.count)
        for size in shape { add(size) }
    }

    /// Adds a text preceded by its length, so that different lists of texts never yield the same
    /// bytes.
    private mutating func add(_ text: String) {
        let bytes = Array(text.utf8)
        add(bytes.count)
        bytes.withUnsafeBytes { update($0) }
    }

    private mutating func add(_ number: Int) {
        withUnsafeBytes(of: UInt64(number).littleEndian) { update($0) }
    }
}

extension Safetensors {
    /// The value of one of dtrain's keys.
    subscript(key: CheckpointKey) -> String? { metadata[key.rawValue] }

    /// Whether the header starts as dtrain writes it; other programs sort the tensors by name, or
    /// add spaces.
    fileprivate var hasCanonicalStart: Bool {
        names.first == "embedding.embeddings"
            && withBytes { header, _ in header.starts(with: "{\"\(SafetensorsHeader.metadataName)\":{\"".utf8) }
    }

    /// Whether the header is byte for byte what dtrain writes for its content, except for the order
    /// of the keys.
    fileprivate var hasCanonicalHeader: Bool {
        guard hasCanonicalStart, metadata.keys.allSatisfy({ CheckpointKey(rawValue: $0) != nil }) else { return false }
        let entries = names.compactMap { name in
            tensors[name].map {
                SafetensorsWriter.Entry(
                    name: name, type: $0.elementType.name, shape: $0.shape, byteCount: $0.range.count)
            }
        }
        let keys = metadataRanges.sorted { $0.value.lowerBound < $1.value.lowerBound }.map(\.key)
        let canonical = SafetensorsWriter.header(
            entries: entries, metadata: keys.map { (key: $0, value: metadata[$0] ?? "") })
        return withBytes { header, _ in header.elementsEqual(canonical) }
    }
}
