import CXXHash

/// A streaming 128-bit XXH3 checksum, in xxHash's canonical hexadecimal form, as `xxhsum -H2`
/// prints it.
///
/// It detects damage, not forgery.
package struct Checksum: ~Copyable {
    private let state: OpaquePointer

    /// Creates the checksum of no bytes.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    package init() throws {
        guard let state = XXH3_createState(), XXH3_128bits_reset(state) == XXH_OK else {
            throw DTrainError(.internal, "out of memory for a checksum")
        }
        self.state = state
    }

    deinit { XXH3_freeState(state) }

    /// Adds bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
    }

    /// The checksum of all bytes so far: 32 hexadecimal digits.
    package var hexadecimal: String {
        Self.text(XXH3_128bits_digest(state))
    }

    /// Returns the checksum of a block of memory: 32 hexadecimal digits.
    package static func hexadecimal(of bytes: UnsafeRawBufferPointer) -> String {
        text(XXH3_128bits(bytes.baseAddress, bytes.count))
    }

    private static func text(_ hash: XXH128_hash_t) -> String {
        [hash.high64, hash.low64].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
