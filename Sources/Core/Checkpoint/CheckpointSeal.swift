/// The two checksums of a dtrain checkpoint, which together cover every byte of the file.
///
/// `tensor_checksum` is over all tensor bytes in the order of the file. `metadata_checksum` is over the header as it
/// stands in the file, padding included, with the digits of that checksum itself read as zeros; the header's length
/// can't change unseen, because header and tensors must fill the file exactly. Both hold for every version of the
/// format.
enum CheckpointSeal {
    private static let blank = [UInt8](repeating: UInt8(ascii: "0"), count: 32)

    /// The header of a checkpoint with both checksums in its metadata.
    static func header(tensors: [SafetensorsWriter.Tensor], metadata: [CheckpointKey: String]) throws -> [UInt8] {
        var data = try Checksum()
        for tensor in tensors { data.update(tensor.bytes) }
        var strings = metadata
        strings[.tensorChecksum] = data.hexadecimal
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

    /// Whether a file claims to come from dtrain; one damaged byte can't hide it.
    static func isPresent(in file: Safetensors) -> Bool {
        file.metadata[CheckpointKey.format.rawValue] == Checkpoint.format
            || file.metadata[CheckpointKey.metadataChecksum.rawValue] != nil
            || file.metadata[CheckpointKey.tensorChecksum.rawValue] != nil
    }

    /// Checks the header's checksum.
    ///
    /// - Throws: `DTrainError` with `badData` when the header was changed.
    static func verifyHeader(_ file: Safetensors) throws {
        let key = CheckpointKey.metadataChecksum.rawValue
        guard let expected = file.metadata[key], let digits = file.metadataRanges[key], digits.count == blank.count
        else {
            throw file.damaged("its metadata_checksum is missing or cut")
        }
        let found = try file.withBytes { header, _ in
            var checksum = try Checksum()
            checksum.update(UnsafeRawBufferPointer(rebasing: header[..<digits.lowerBound]))
            blank.withUnsafeBytes { checksum.update($0) }
            checksum.update(UnsafeRawBufferPointer(rebasing: header[digits.upperBound...]))
            return checksum.hexadecimal
        }
        guard found == expected else { throw file.damaged("its header was changed (the checksum differs)") }
    }

    /// Checks the tensors' checksum, which reads the whole file.
    ///
    /// - Throws: `DTrainError` with `badData` when a tensor was changed.
    static func verifyTensors(_ file: Safetensors) throws {
        guard try file.dataChecksum() == file.metadata[CheckpointKey.tensorChecksum.rawValue] else {
            throw file.damaged("its tensors were changed (the checksum differs)")
        }
    }
}
