import Glibc

/// A folder for inputs, in memory if possible; removed unless a check failed.
final class Scratch {
    let folder: String
    var isKept = false
    var input: String { "\(folder)/input" }

    init() throws {
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/dtrain-file-checks-XXXXXX".utf8CString)
        let path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        guard let path else { throw CheckFailure("no folder in \(parent)") }
        folder = path
    }

    deinit {
        guard !isKept else { return }
        for name in ["input", "sample"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    func write(_ bytes: [UInt8]) throws {
        let descriptor = open(input, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw CheckFailure("cannot write \(input)")
        }
    }

    func read(_ path: String) throws -> [UInt8] {
        var status = stat()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else { throw CheckFailure("cannot read \(path)") }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        guard Glibc.read(descriptor, &bytes, bytes.count) == bytes.count else {
            throw CheckFailure("cannot read \(path)")
        }
        return bytes
    }
}

/// A limit of this process's memory; an allocation beyond it fails, which ends a Swift program.
enum Memory {
    /// The memory that a reader may use regardless of the file's size, in bytes.
    ///
    /// It holds tables over all code points, and the JSON decoder's memory for the longest text
    /// that it gets.
    static let fixed = 6 << 20

    /// Whether AddressSanitizer is active; its own memory can't be limited.
    private static let isSanitized = dlsym(nil, "__asan_init") != nil

    /// Returns freed memory to the system, so that holes in the heap don't count.
    ///
    /// Uses `malloc_trim` and `mallopt`, which the C library's module for Swift lacks.
    private static func tidy() {
        typealias Trim = @convention(c) (Int) -> CInt
        typealias Option = @convention(c) (CInt, CInt) -> CInt
        let mappingThreshold: CInt = -3
        if let option = dlsym(nil, "mallopt") { _ = unsafeBitCast(option, to: Option.self)(mappingThreshold, 1 << 16) }
        if let trim = dlsym(nil, "malloc_trim") { _ = unsafeBitCast(trim, to: Trim.self)(0) }
    }

    /// Limits the memory to that many bytes more than the process uses now.
    static func limit(to bytes: Int) throws {
        guard !isSanitized else { return }
        tidy()
        try set(UInt(try current() + bytes))
    }

    static func unlimit() throws {
        guard !isSanitized else { return }
        try set(UInt.max)
    }

    private static func set(_ bytes: UInt) throws {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else {
            throw CheckFailure("no limit of memory")
        }
        limit.rlim_cur = min(bytes, limit.rlim_max)
        guard setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else {
            throw CheckFailure("no limit of memory")
        }
    }

    /// Returns the private writable memory of the process, which the limit counts.
    ///
    /// Mapped files aren't included.
    private static func current() throws -> Int {
        guard let file = fopen("/proc/self/status", "r") else { throw CheckFailure("no /proc/self/status") }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("VmData:") else { continue }
            if let kilobytes = Int(text.filter(\.isNumber)) { return kilobytes << 10 }
        }
        throw CheckFailure("no VmData")
    }
}
