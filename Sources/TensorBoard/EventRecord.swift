/// The frame of an event in its file, TensorFlow's TFRecord.
///
///     length of the data             8 bytes, little-endian
///     masked CRC-32C of the length   4 bytes, little-endian
///     data
///     masked CRC-32C of the data     4 bytes, little-endian
enum EventRecord {
    /// The bytes of a record with some data.
    static func framed(_ data: [UInt8]) -> [UInt8] {
        let length = littleEndian(UInt64(data.count))
        return length + littleEndian(maskedChecksum(of: length)) + data + littleEndian(maskedChecksum(of: data))
    }

    /// The masked CRC of a record's length or data: rotated and offset, because the CRC of data
    /// that contain their own CRC is weak.
    static func maskedChecksum(of bytes: [UInt8]) -> UInt32 {
        let checksum = CRC32C.checksum(of: bytes)
        return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
    }

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}
