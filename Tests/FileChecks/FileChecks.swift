import DTrainCore
import DTrainDistributed
import Glibc

/// A program that passes hostile files to every reader; the tests start it.
///
///     dtrain-file-checks fuzz READER COUNT SEED    mutated small files, the first with this seed
///     dtrain-file-checks bounds MEGABYTES          large files that could use much memory
///
/// It fails with code 1 if a reader accepts an invalid file, or rejects one with anything but a
/// one-line `DTrainError`. The message names the reader, the seed of the input and the error. After
/// a crash, the input is in the folder that was printed first. A reader's memory is limited to four
/// times the file's size plus a fixed amount.
@main
struct FileChecks {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        do {
            switch (arguments.first, arguments.dropFirst().map { $0 }) {
            case ("fuzz", let rest) where rest.count == 3:
                guard let reader = Reader(rawValue: rest[0]), let count = Int(rest[1]), let seed = UInt64(rest[2])
                else { fallthrough }
                try fuzz(reader, count: count, seed: seed)
            case ("bounds", let rest) where rest.count == 1:
                guard let megabytes = Int(rest[0]), (1...90).contains(megabytes) else { fallthrough }
                LargeFile.size = megabytes << 20
                try bounds()
            default:
                print("usage: dtrain-file-checks fuzz READER COUNT SEED | bounds MEGABYTES")
                exit(64)
            }
        } catch {
            print("failed: \(error)")
            exit(1)
        }
    }

    private static func fuzz(_ reader: Reader, count: Int, seed: UInt64) throws {
        let scratch = try Scratch()
        print("inputs in \(scratch.input)")
        let samples = try reader.samples(scratch)
        for sample in samples { try reader.check(sample, sample, scratch) }
        let largest = samples.map(\.count).max() ?? 0
        try Memory.limit(to: 4 * largest + Memory.fixed)
        var accepted = 0
        for index in 0..<count {
            let own = seed &+ UInt64(index)
            var random = SplitMix64(state: own)
            let sample = samples[Int.random(in: samples.indices, using: &random)]
            let bytes = reader.mutate(sample, among: samples, &random)
            do {
                if try reader.check(bytes, sample, scratch) { accepted += 1 }
            } catch {
                scratch.isKept = true
                throw CheckFailure("\(reader.rawValue), seed \(own), input \(scratch.input): \(error)")
            }
        }
        print("passed \(reader.rawValue) \(count) inputs, \(accepted) of them valid")
    }

    private static func bounds() throws {
        let scratch = try Scratch()
        for large in LargeFile.allCases {
            let reader = large.reader
            let bytes = try large.bytes(scratch)
            try scratch.write(bytes)
            let size = bytes.count
            try Memory.limit(to: 4 * size + Memory.fixed)
            do {
                try reader.open(scratch)
                if large.mustBeRejected { throw CheckFailure("\(large.rawValue) was accepted") }
            } catch let error as DTrainError {
                if !large.mustBeRejected { throw CheckFailure("\(large.rawValue): \(error)") }
                guard error.message.utf8.count < 1000 else {
                    throw CheckFailure("\(large.rawValue): a message of \(error.message.utf8.count) bytes")
                }
            }
            try Memory.unlimit()
        }
        print("passed bounds of \(LargeFile.allCases.count) files")
    }
}

/// A failed check.
struct CheckFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The SplitMix64 random number generator, for reproducible inputs.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
