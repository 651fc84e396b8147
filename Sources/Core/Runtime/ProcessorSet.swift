import Glibc

/// A set of processors by their Linux numbers, such as an affinity mask.
package struct ProcessorSet: Hashable, Sendable {
    /// The processors' numbers.
    package let numbers: Set<Int>
    /// The number of processors.
    package var count: Int { numbers.count }

    /// The largest number of processors that Linux supports.
    private static let limit = 8192
    /// The length of `bytes`.
    package static let byteCount = limit / 8

    /// Creates a set from processor numbers.
    package init(_ numbers: some Sequence<Int>) {
        self.numbers = Set(numbers.filter { (0..<Self.limit).contains($0) })
    }

    /// Parses a list in Linux's format, `0-3,8`; nil if it names no processor.
    package init?(list: Substring) {
        let numbers = list.split { ", \t\n".contains($0) }.flatMap { range -> [Int] in
            let ends = range.split(separator: "-").map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, last < Self.limit else {
                return []
            }
            return Array(first...last)
        }
        self.init(numbers)
        if numbers.isEmpty { return nil }
    }

    /// The affinity mask of this process, from `/proc/self/status`.
    package static var current: ProcessorSet {
        let online = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        return allowed ?? ProcessorSet(0..<online)
    }

    private static var allowed: ProcessorSet? {
        let name = "Cpus_allowed_list:"
        let lines = SystemFile.text("/proc/self/status")?.split(separator: "\n") ?? []
        return lines.first { $0.hasPrefix(name) }.flatMap { ProcessorSet(list: $0.dropFirst(name.count)) }
    }

    /// The set encoded with one bit per processor, to send to other ranks.
    package var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        for number in numbers { bytes[number / 8] |= 1 << UInt8(number % 8) }
        return bytes
    }

    /// Decodes `bytes`.
    package init(bytes: ArraySlice<UInt8>) {
        self.init(
            bytes.enumerated().flatMap { index, byte in
                (0..<8).filter { byte >> UInt8($0) & 1 == 1 }.map { index * 8 + $0 }
            })
    }
}
