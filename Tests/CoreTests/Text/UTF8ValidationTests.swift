import Testing

@testable import DTrainCore

@Suite struct UTF8ValidationTests {
    /// Each kind of ill-formed sequence.
    static let illFormed: [[UInt8]] = [
        [0xFF], [0xFE], [0xF5, 0x80, 0x80, 0x80],  // never a lead
        [0x80], [0xBF], [0xA0, 0x80],  // a continuation alone
        [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],  // overlong
        [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],  // surrogates
        [0xF4, 0x90, 0x80, 0x80],  // above U+10FFFF
        [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],  // cut off
    ]

    @Test(arguments: illFormed)
    func illFormedBytesAreReportedWithTheirOffset(sequence: [UInt8]) throws {
        let prefixes = ["", "plain ASCII, long enough", "é€😀", String(repeating: "ab€\r\n", count: 100)]
        for prefix in prefixes {
            for suffix in ["", "abcdefghijkl"] {
                let file = try TemporaryText(Array(prefix.utf8) + sequence + Array(suffix.utf8))
                let error = #expect(throws: DTrainError.self) { try Corpus(path: file.path) }
                #expect(error?.category == .badData)
                let byte = String(sequence[0], radix: 16)
                let line = prefix.utf8.count { $0 == 0x0A } + 1
                let expected =
                    "'\(file.path)' is not UTF-8: byte 0x\(byte) at offset \(prefix.utf8.count) (line \(line))"
                #expect(error?.message.hasPrefix(expected) == true, "\(error?.message ?? "")")
                #expect(error?.hint != nil)
            }
        }
    }

    /// Compares with the standard library: every first byte from 0x70, and edge values of the
    /// others.
    @Test func theDecoderAgreesWithTheStandardLibrary() {
        let edges: [UInt8] = [0x7F, 0x80, 0xBF, 0xC0]
        var disagreements: [[UInt8]] = []
        for first in 0x70...0xFF as ClosedRange<UInt8> {
            for second in [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF] as [UInt8] {
                for third in edges {
                    for fourth in edges {
                        let bytes = [first, second, third, fourth]
                        if strictScalar(bytes) != standardScalar(bytes) { disagreements.append(bytes) }
                    }
                }
            }
        }
        #expect(disagreements.isEmpty)
    }

    @Test func charactersOfEveryLengthAreDecoded() {
        let edges: [UInt32] = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x1_0000, 0x10_FFFF]
        let sampled = Array(stride(from: UInt32(0), to: 0x11_0000, by: 997))
        for scalar in (edges + sampled).compactMap(Unicode.Scalar.init) {
            let bytes = Array(String(scalar).utf8)
            #expect(strictScalar(bytes) == scalar.value)
            #expect(bytes.withUnsafeBytes { StrictUTF8.decode($0, at: 0)?.length } == bytes.count)
            #expect(strictScalar(bytes.dropLast()) == nil)
        }
    }

    private func strictScalar(_ bytes: some Collection<UInt8>) -> UInt32? {
        Array(bytes).withUnsafeBytes { StrictUTF8.decode($0, at: 0)?.scalar }
    }

    private func standardScalar(_ bytes: [UInt8]) -> UInt32? {
        var decoder = Unicode.UTF8()
        var source = bytes.makeIterator()
        if case .scalarValue(let scalar) = decoder.decode(&source) { return scalar.value }
        return nil
    }
}
