import DTrainCore
import DTrainDistributed
import DistributedTesting
import Glibc

/// A rank that dies or stops before the ranks know of each other, or when they have taken leave already.
///
/// The functions of MPI below stand in for the library's own, which they call.
enum EarlyFaults {
    private struct Plan: Sendable {
        let kind: String
        let place: String
        let mark: String
    }

    /// Set before any other thread starts.
    nonisolated(unsafe) private static var plan: Plan?

    /// Arguments: kind, rank, place, stall timeout, folder.
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

    /// Leaves a file behind, whose time is that of the fault.
    fileprivate static func happen(_ place: String) {
        guard let plan, plan.place == place else { return }
        if let file = fopen(plan.mark, "we") { fclose(file) }
        kill(getpid(), plan.kind == "kill" ? SIGKILL : SIGSTOP)
    }

    /// The library's function; handles of all MPI libraries fit into a pointer.
    fileprivate static func library<Function>(_ name: String, as type: Function.Type) -> Function? {
        // RTLD_NEXT
        dlsym(UnsafeMutableRawPointer(bitPattern: -1), name).map { unsafeBitCast($0, to: type) }
    }
}

/// No function of that name: MPI_ERR_OTHER or the like.
private let missing: Int32 = 15

/// In place of the library's function.
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

/// In place of the library's function.
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

/// In place of the library's function.
@_cdecl("MPI_Win_free")
public func freeWindow(_ window: UnsafeMutableRawPointer?) -> Int32 {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?) -> Int32
    EarlyFaults.happen("MPI_Win_free")
    return EarlyFaults.library("MPI_Win_free", as: Function.self)?(window) ?? missing
}

/// In place of the library's function.
@_cdecl("MPI_Finalize")
public func finalize() -> Int32 {
    typealias Function = @convention(c) () -> Int32
    EarlyFaults.happen("MPI_Finalize")
    return EarlyFaults.library("MPI_Finalize", as: Function.self)?() ?? missing
}
