import Glibc

/// The sizes of this machine's caches in bytes, as the system says; usual ones where it doesn't.
enum SystemCaches {
    /// The second level, which a core has to itself.
    static let own = size(_SC_LEVEL2_CACHE_SIZE, usual: 1 << 20)
    /// The third level, which cores share.
    static let shared = size(_SC_LEVEL3_CACHE_SIZE, usual: 32 << 20)

    private static func size(_ name: Int, usual: Int) -> Int {
        let size = sysconf(Int32(name))
        return size > 0 ? size : usual
    }
}
