/// Detection of encodings with two or four bytes per character, by byte order mark or by the
/// pattern of zeros.
enum WideEncoding {
    /// The number of leading bytes that `name(of:)` examines; a multiple of 4.
    static let sampleCount = 4096

    /// The encoding's name for `iconv`; nil if the sample is in no such encoding.
    static func name(of sample: [UInt8]) -> String? {
        let marks: [(mark: [UInt8], name: String)] = [
            ([0xFF, 0xFE, 0, 0], "UTF-32"), ([0, 0, 0xFE, 0xFF], "UTF-32"), ([0xFF, 0xFE], "UTF-16"),
            ([0xFE, 0xFF], "UTF-16"),
        ]
        if let marked = marks.first(where: { sample.starts(with: $0.mark) }) { return marked.name }
        guard sample.count >= 16 else { return nil }
        return shape(of: sample)
    }

    private static func shape(of sample: [UInt8]) -> String? {
        func bytes(_ place: Int, of width: Int) -> [UInt8] {
            stride(from: place, to: sample.count / width * width, by: width).map { sample[$0] }
        }
        func isZero(_ place: Int) -> Bool { bytes(place, of: 4).allSatisfy { $0 == 0 } }
        if isZero(3), isZero(2) { return "UTF-32LE" }
        if isZero(0), isZero(1) { return "UTF-32BE" }
        let (even, odd) = (bytes(0, of: 2), bytes(1, of: 2))
        if isUpper(odd), !isUpper(even) { return "UTF-16LE" }
        return isUpper(even) && !isUpper(odd) ? "UTF-16BE" : nil
    }

    /// Whether these look like the upper bytes of characters, which identify the script: mostly one
    /// and the same value below 0x20.
    private static func isUpper(_ bytes: [UInt8]) -> Bool {
        var counts = [Int](repeating: 0, count: 0x20)
        for byte in bytes where byte < 0x20 { counts[Int(byte)] += 1 }
        // TAB, LF and CR are frequent in any text, and no script in use has them as its upper byte.
        for byte in [0x09, 0x0A, 0x0D] { counts[byte] = 0 }
        return 10 * (counts.max() ?? 0) > 7 * bytes.count
    }
}
