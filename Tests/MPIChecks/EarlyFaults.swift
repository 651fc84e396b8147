import DTrainCore
import DTrainDistributed
import DistributedTesting
import Glibc

/// Faults of a rank before the ranks are connected, or after they have disconnected.
///
/// The MPI functions below replace the library's own, and call these.
enum EarlyFaults {
    private struct Plan: Sendable {
        let kind: String
        let place: String
        let mark: String
    }

    /// The planned fault; set before any other thread starts.
    nonisolated(unsafe) private static var plan: Plan?

    /// Runs a job with a fault; the arguments are kind, rank, place, stall timeout, folder.
    static func run(_ arguments: [String]) throws -> Int32 {
        guard arguments.count == 5, let rank = Int(arguments[1]), let timeout = Int(arguments[3]) else {
            throw DTrainError(.usage, "early KIND RANK PLACE TIMEOUT FOLDER")
        }
        if LaunchEnvironment.current.rank == rank {
            plan = Plan(kind: arguments[0], place: arguments[2], mark: "\(arguments[4])/fault")
        }
        happen("before MPI_Init")
        return Job.run(stallTimeout: timeout) { try $0.barrier() }
    }

    /// Triggers the fault if `place` is the planned one.
    ///
    /// First it creates a file, whose time is that of the fault.
    fileprivate static func happen(_ place: String) {
        guard let plan, plan.place == place else { return }
        if let file = fopen(plan.mark, "we") { fclose(file) }
        kill(getpid(), plan.kind == "kill" ? SIGKILL : SIGSTOP)
    }

    /// Returns the library's function; handles of all MPI libraries fit into a pointer.
    fileprivate static func library<Function>(_ name: String, as type: Function.Type) -> Function? {
        // RTLD_NEXT
        dlsym(UnsafeMutableRawPointer(bitPattern: -1), name).map { unsafeBitCast($0, to: type) }
    }
}

/// The return code if the library has no such function, a nonzero MPI code.
private let missing: Int32 = 15

/// Replaces the library's function.
@_cdecl("MPI_Comm_split_type")
public func splitType(
    _ old: UnsafeRawPointer?, _ type: Int32, _ key: Int32, _ info: UnsafeRawPointer?, _ new: UnsafeMutableRawPointer?
) -> Int32 {
    typealias Function =
        @convention(c) (UnsafeRawPointer?, Int32, Int32, UnsafeRawPointer?, UnsafeMutableRawPointer?)
        -> Int32
    EarlyFaults.happen("MPI_Comm_split_type")
    return EarlyFaults.library("MPI_Comm_split_type", as: Function.self)?(old, type, key, info, new) ?? missing
}

/// Replaces the library's function.
@_cdecl("MPI_Win_allocate_shared")
public func allocateShared(
    _ size: Int, _ unit: Int32, _ info: UnsafeRawPointer?, _ comm: UnsafeRawPointer?, _ base: UnsafeMutableRawPointer?,
    _ window: UnsafeMutableRawPointer?
) -> Int32 {
    typealias Function =
        @convention(c) (
            Int, Int32, UnsafeRawPointer?, UnsafeRawPointer?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
        ) -> Int32
    EarlyFaults.happen("MPI_Win_allocate_shared")
    return EarlyFaults.library("MPI_Win_allocate_shared", as: Function.self)?(size, unit, info, comm, base, window)
        ?? missing
}

/// Replaces the library's function.
@_cdecl("MPI_Win_free")
public func freeWindow(_ window: UnsafeMutableRawPointer?) -> Int32 {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?) -> Int32
    EarlyFaults.happen("MPI_Win_free")
    return EarlyFaults.library("MPI_Win_free", as: Function.self)?(window) ?? missing
}

/// Replaces the library's function.
@_cdecl("MPI_Finalize")
public func finalize() -> Int32 {
    typealias Function = @convention(c) () -> Int32
    EarlyFaults.happen("MPI_Finalize")
    return EarlyFaults.library("MPI_Finalize", as: Function.self)?() ?? missing
}
