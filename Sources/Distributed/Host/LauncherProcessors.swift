import DTrainCore
import Glibc

/// The processors that the launcher of this process could have given to the job's ranks.
enum LauncherProcessors {
    private static let names = ["mpirun", "mpiexec", "orterun", "orted", "prte", "hydra"]

    /// The number of cores of this host that no rank may run on because the launcher has bound them all.
    ///
    /// - Parameters:
    ///   - used: the processors that the host's ranks may run on.
    ///   - variables: looks up an environment variable.
    static func idleCores(
        besides used: ProcessorSet, variables: (String) -> String? = { getenv($0).map { String(cString: $0) } }
    ) -> Int {
        // Open MPI tells whether it has bound a rank; a narrow mask may also be meant, as with taskset.
        guard variables("OMPI_MCA_orte_bound_at_launch") == "1", let available = ofLauncher() else { return 0 }
        return idleCores(
            besides: used, available: available, allocated: variables("SLURM_CPUS_ON_NODE").flatMap { Int($0) },
            quota: ProcessorQuota.current.processors
        ) {
            SystemFile.text("/sys/devices/system/cpu/cpu\($0)/topology/thread_siblings_list")
                .flatMap { ProcessorSet(list: $0[...]) }
        }
    }

    /// The number of cores of which no hardware thread is used.
    ///
    /// - Parameters:
    ///   - used: the processors that the host's ranks may run on.
    ///   - available: the launcher's own processors.
    ///   - allocated: the processors that a scheduler has given the job on this host, if it says so.
    ///   - quota: the processor time that a CPU quota allows, if there is one.
    ///   - siblings: the hardware threads of a processor's core, where known.
    static func idleCores(
        besides used: ProcessorSet, available: ProcessorSet, allocated: Int?, quota: Double?,
        siblings: (Int) -> ProcessorSet?
    ) -> Int {
        let free = available.numbers.subtracting(used.numbers)
        var cores: Set<Set<Int>> = []
        for processor in free {
            let core = siblings(processor)?.numbers ?? [processor]
            if core.isDisjoint(with: used.numbers) { cores.insert(core) }
        }
        // A scheduler may give fewer processors than the launcher could run on.
        let limit = min(allocated ?? .max, quota.map { Int($0) } ?? .max)
        return max(0, min(cores.count, limit == .max ? .max : limit - used.count))
    }

    /// The affinity mask of the launcher above this process; nil where none is found.
    private static func ofLauncher() -> ProcessorSet? {
        var process = getppid()
        for _ in 0..<8 where process > 1 {
            guard let status = SystemFile.text("/proc/\(process)/status") else { return nil }
            let lines = status.split(separator: "\n")
            func field(_ name: String) -> Substring? {
                lines.first { $0.hasPrefix("\(name):\t") }?.dropFirst(name.count + 2)
            }
            if let name = field("Name"), names.contains(where: { name.hasPrefix($0) }) {
                return field("Cpus_allowed_list").flatMap { ProcessorSet(list: $0) }
            }
            process = field("PPid").flatMap { Int32($0) } ?? 0
        }
        return nil
    }
}
