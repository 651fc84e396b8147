import DTrainCore
import Glibc

extension Communicator {
    /// Prints a line to standard output on rank 0, flushed, so that it also shows at once in a pipe; not collective.
    public func printOnRoot(_ line: String = "") {
        guard isRoot else { return }
        print(line)
        fflush(nil)
    }

    /// Throws unless the job has a rank of that number.
    func requireRank(_ root: Int) throws {
        guard root >= 0, root < size else {
            throw DTrainError(.internal, "there is no rank \(root) in a job of \(size); please report this")
        }
    }

    /// Finds the host with the most ranks per processor; nil where none is crowded; collective.
    package func mostCrowdedHost() throws -> HostLoad? {
        let numbers = try allGather(SIMD2<Int32>(Int32(clamping: localSize), Int32(clamping: processors.count)))
        let names = try allGather(hostName)
        return HostLoad.mostCrowded(
            zip(names, numbers).map { HostLoad(host: $0, ranks: Int($1.x), processors: Int($1.y)) })
    }
}
