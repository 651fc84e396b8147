import Glibc

/// The sizes of this machine's caches in bytes, or common sizes where the system doesn't report
/// them.
enum SystemCaches {
    /// The second level, private to a core.
    static let own = size(_SC_LEVEL2_CACHE_SIZE, usual: 1 << 20)
    /// The third level, shared by cores.
    static let shared = size(_SC_LEVEL3_CACHE_SIZE, usual: 32 << 20)

    private static func size(_ name: Int, usual: Int) -> Int {
        let size = sysconf(Int32(name))
        return size > 0 ? size : usual
    }
}
