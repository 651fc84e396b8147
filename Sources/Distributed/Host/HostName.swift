import Glibc

/// Returns this host's name.
func currentHostName() -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 257) { buffer in
        buffer.initialize(repeating: 0)
        guard let name = buffer.baseAddress, gethostname(name, 256) == 0 else { return "unknown host" }
        return String(cString: name)
    }
}
