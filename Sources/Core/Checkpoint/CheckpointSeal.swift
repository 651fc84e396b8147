/// The seal of a dtrain checkpoint: it tells whether tensors and metadata are those that were saved.
///
/// `dtrain_seal` is a checksum over dtrain's metadata and the tensors by name, in a form of its own: a program that saves
/// the file again may order and spell its header as it likes.
///
/// Two further checksums are also those of files written before there was a seal. `tensor_checksum` is over all tensor bytes
/// in the order of the file. `metadata_checksum` is over the header as it stands in the file, padding included, with its
/// own digits read as zeros: it finds any change of a file that nobody has saved again.
package enum CheckpointSeal {
    /// What is known of a file.
    enum Verdict: Hashable, Sendable {
        /// Tensors and metadata are those that dtrain has saved.
        case sealed
        /// An older checkpoint that another program has saved again: the tensors are verified, the metadata isn't.
        case tensorsOnly
        /// The file has none of dtrain's keys.
        case foreign
    }

    /// What a header's own checksum says.
    enum Header: Hashable, Sendable {
        case asWritten
        /// Another program has written it anew.
        case respelled
        case foreign
    }

    private static let blank = [UInt8](repeating: UInt8(ascii: "0"), count: 32)
    /// Keys that only dtrain writes; `format`, `vocabulary`, `step` and others are everybody's.
    private static let ownKeys: [CheckpointKey] = [
        .dtrainVersion, .seal, .tensorChecksum, .metadataChecksum, .corpusChecksum, .lossHistory, .stepInEpoch,
    ]

    /// Whether a file claims to come from dtrain; one damaged byte can't hide it.
    package static func isPresent(in file: Safetensors) -> Bool {
        file[.format] == Checkpoint.format || ownKeys.contains { file[$0] != nil }
    }

    /// Checks the header of a file.
    ///
    /// - Throws: `DTrainError` with `badData` when the header is dtrain's own and was changed.
    static func verifyHeader(_ file: Safetensors) throws -> Header {
        guard isPresent(in: file) else { return .foreign }
        if let digits = file.metadataRanges[CheckpointKey.metadataChecksum.rawValue], digits.count == blank.count {
            let found = try file.withBytes { header, _ in try checksum(of: header, without: digits) }
            if found == file[.metadataChecksum] { return .asWritten }
        }
        // A valid seal is enough for what another program has saved, but dtrain's own header is as it was to the last byte.
        let isOwn = file[.seal] == nil ? file.isInWrittenOrder : file.isSpelledByDTrain
        guard !isOwn, file[.metadataChecksum] != nil else {
            throw file.damaged("its header was changed (the checksum differs)")
        }
        return .respelled
    }

    /// Checks the tensors, and the metadata where a seal covers them, which reads the whole file.
    ///
    /// - Parameters:
    ///   - file: the file.
    ///   - header: what `verifyHeader` says.
    ///   - layout: the model's tensors.
    /// - Throws: `DTrainError` with `badData` when what dtrain has saved was changed.
    static func verify(_ file: Safetensors, _ header: Header, layout: ParameterLayout) throws -> Verdict {
        if header == .foreign { return .foreign }
        if let expected = file[.seal] {
            guard try seal(of: file, layout) == expected else {
                throw file.damaged("its tensors or its metadata were changed (the seal differs)")
            }
            return .sealed
        }
        let names = header == .asWritten ? file.names : writtenOrder(of: file, layout)
        var checksum = try Checksum()
        file.add(names, to: &checksum)
        guard checksum.hexadecimal == file[.tensorChecksum] else {
            throw file.damaged("its tensors were changed (the checksum differs)")
        }
        return header == .asWritten ? .sealed : .tensorsOnly
    }

    /// The order in which dtrain writes the tensors, whatever the file's.
    private static func writtenOrder(of file: Safetensors, _ layout: ParameterLayout) -> [String] {
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
    /// The header of a checkpoint with its checksums in its metadata.
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
        // Also shows that what is about to be written can be read again.
        let parsed = try? header.withUnsafeBytes { try SafetensorsHeader($0, dataCount: dataCount) }
        guard let digits = parsed?.metadataRanges[CheckpointKey.metadataChecksum.rawValue], digits.count == blank.count
        else { throw DTrainError(.internal, "the checkpoint's header cannot be read back; please report this") }
        let checksum = header.withUnsafeBytes { Checksum.hexadecimal(of: $0) }
        header.replaceSubrange(digits, with: checksum.utf8)
        return header
    }

    /// The seal over what is about to be written.
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

    /// The seal over a file's metadata, parameters and slots; what else the file holds is none of dtrain's.
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
    /// Adds dtrain's metadata by ascending keys, but for the checksums of the whole.
    fileprivate mutating func add(_ metadata: [CheckpointKey: String]) {
        let sealed = metadata.filter { $0.key != .seal && $0.key != .metadataChecksum }
        add(sealed.count)
        for (key, value) in sealed.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            add(key.rawValue)
            add(value)
        }
    }

    /// Adds what is before a tensor's bytes.
    fileprivate mutating func add(_ name: String, type: ElementType, shape: [Int]) {
        add(name)
        add(type.name)
        add(shape.count)
        for size in shape { add(size) }
    }

    /// Adds a text and its length: so no two lists of texts are the same bytes.
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

    /// Whether the header looks as dtrain writes it: other programs sort the tensors by name, or spell it with spaces.
    fileprivate var isInWrittenOrder: Bool {
        names.first == "embedding.embeddings"
            && withBytes { header, _ in header.starts(with: "{\"\(SafetensorsHeader.metadataName)\":{\"".utf8) }
    }

    /// Whether the header is what dtrain writes for its content, byte for byte, but for the order of the keys.
    fileprivate var isSpelledByDTrain: Bool {
        guard isInWrittenOrder, metadata.keys.allSatisfy({ CheckpointKey(rawValue: $0) != nil }) else { return false }
        let entries = names.compactMap { name in
            tensors[name].map {
                SafetensorsWriter.Entry(
                    name: name, type: $0.elementType.name, shape: $0.shape, byteCount: $0.range.count)
            }
        }
        let keys = metadataRanges.sorted { $0.value.lowerBound < $1.value.lowerBound }.map(\.key)
        let spelled = SafetensorsWriter.header(
            entries: entries, metadata: keys.map { (key: $0, value: metadata[$0] ?? "") })
        return withBytes { header, _ in header.elementsEqual(spelled) }
    }
}
