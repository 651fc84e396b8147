import DistributedTesting
import Foundation
import Testing

@testable import TensorBoard

/// The framing of records, tested with known values.
@Suite struct EventRecordTests {
    /// The check value of the polynomial's catalog entry, and examples of RFC 3720, B.4.
    @Test(
        arguments: [
            (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
        ] as [([UInt8], UInt32)])
    func checksumsMatchKnownValues(bytes: [UInt8], checksum: UInt32) {
        #expect(CRC32C.checksum(of: bytes) == checksum)
        // The tests' reader must also agree.
        #expect(EventFile.checksum(bytes) == checksum)
    }

    /// The bytes are those of `tensorboard.summary.writer.record_writer` for a file's first event.
    @Test func aRecordHasTheBytesThatTensorBoardWrites() throws {
        let record = Data(
            Array("\u{18}\0\0\0\0\0\0\0".utf8) + [
                0xA3, 0x7F, 0x4B, 0x22, 0x09, 0, 0, 0xC0, 0x25, 0xDD, 0x75, 0xD5, 0x41,
            ]
                + [0x1A, 0x0D] + Array("brain.Event:2".utf8) + [0x8D, 0x1A, 0xDB, 0xAF])
        let data = Array(record.dropFirst(12).dropLast(4))
        #expect(Data(EventRecord.framed(data)) == record)
        var event = TensorBoardEvent()
        (event.wallTime, event.fileVersion) = (1_440_183_447, "brain.Event:2")
        #expect(try event.serializedBytes() == data)
        let read = try EventFile(record).events
        #expect(read.count == 1 && read.first?.fileVersion == "brain.Event:2")
        #expect(read.first?.wallTime == 1_440_183_447)
    }

    @Test func aChangedBitIsDetected() throws {
        let record = EventRecord.framed(Array("data".utf8))
        for index in record.indices {
            var other = record
            other[index] ^= 0x10
            #expect(throws: EventFile.Damage.self) { try EventFile(Data(other)) }
        }
    }
}
