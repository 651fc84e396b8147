import DTrainCore
import Glibc

/// The processors that this process's launcher may run on, and which of their cores stay idle.
enum LauncherProcessors {
    private static let names = ["mpirun", "mpiexec", "orterun", "orted", "prte", "hydra"]

    /// Counts the cores of this host that stay idle because the launcher bound all ranks to other
    /// cores.
    ///
    /// - Parameters:
    ///   - used: the processors that the host's ranks may run on.
    ///   - variables: looks up an environment variable.
    static func idleCores(
        besides used: ProcessorSet, variables: (String) -> String? = { getenv($0).map { String(cString: $0) } }
    ) -> Int {
        // Open MPI reports that it bound a rank. A narrow mask without that may be intended, as
        // with taskset.
        guard variables("OMPI_MCA_orte_bound_at_launch") == "1", let available = ofLauncher() else { return 0 }
        return idleCores(
            besides: used, available: available, allocated: variables("SLURM_CPUS_ON_NODE").flatMap { Int($0) },
            quota: ProcessorQuota.current.processors
        ) {
            SystemFile.text("/sys/devices/system/cpu/cpu\($0)/topology/thread_siblings_list")
                .flatMap { ProcessorSet(list: $0[...]) }
        }
    }

    /// Counts the cores that have no hardware thread in `used`.
    ///
    /// - Parameters:
    ///   - used: the processors that the host's ranks may run on.
    ///   - available: the launcher's own processors.
    ///   - allocated: the number of processors that a scheduler allocated to the job on this host,
    ///     if known.
    ///   - quota: the CPU quota in processors, if there is one.
    ///   - siblings: returns the hardware threads of a processor's core, if known.
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
        // A scheduler may allocate fewer processors than the launcher's mask has.
        let limit = min(allocated ?? .max, quota.map { Int($0) } ?? .max)
        return max(0, min(cores.count, limit == .max ? .max : limit - used.count))
    }

    /// Returns the affinity mask of the launcher above this process; nil if none is found.
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
