import DTrainCore
import DTrainDistributed
import Glibc
import Scaling

/// Facts about the machine, read from Linux.
enum Machine {
    /// The host and processors of this process.
    static func describeRank(threads: Int) -> RankHost {
        var name = utsname()
        let host =
            uname(&name) == 0
            ? withUnsafeBytes(of: &name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } : "unknown"
        return RankHost(
            host: host, boot: firstLine("/proc/sys/kernel/random/boot_id") ?? host,
            network: target("/proc/self/ns/net") ?? "", processors: ProcessorSet.current.numbers.sorted(),
            cores: ProcessorSet.current.numbers.sorted().map(core),
            machineProcessors: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), threads: threads, cpu: cpu,
            memory: max(0, sysconf(Int32(_SC_PHYS_PAGES))) * max(1, sysconf(Int32(_SC_PAGESIZE))))
    }

    /// Physical cores that this process may use: hardware threads of one core count once, as in
    /// Open MPI's slots.
    static var cores: Int {
        Set(ProcessorSet.current.numbers.map(core)).count
    }

    /// The physical core of a processor, named after the first of its hardware threads.
    private static func core(of processor: Int) -> Int {
        let siblings = firstLine("/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list")
        return siblings.flatMap { Int($0.prefix { $0.isNumber }) } ?? processor
    }

    /// The path of this program.
    static var program: String { target("/proc/self/exe") ?? CommandLine.arguments.first ?? "dtrain" }

    /// The current time, UTC.
    static var date: String {
        var now = time(nil)
        var parts = tm()
        guard gmtime_r(&now, &parts) != nil else { return "" }
        var buffer = [CChar](repeating: 0, count: 40)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M UTC", &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static var cpu: String {
        let line = lines("/proc/cpuinfo").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0 == " " }) } ?? "unknown CPU"
    }

    private static func firstLine(_ path: String) -> String? { lines(path).first }

    /// The lines of a kernel file, which reports no size.
    private static func lines(_ path: String) -> [String] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var result: [String] = []
        while getline(&line, &capacity, file) > 0, let text = line.map({ String(cString: $0) }) {
            result.append(text.last?.isNewline == true ? String(text.dropLast()) : text)
        }
        return result
    }

    private static func target(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink(path, &buffer, buffer.count)
        return length > 0 ? String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
