import DTrainCore
import Glibc

extension Communicator {
    /// Prints a line to standard output on rank 0 and flushes it, also into a pipe; not collective.
    public func printOnRoot(_ line: String = "") {
        guard isRoot else { return }
        print(line)
        fflush(nil)
    }

    /// Throws an error unless `root` is a rank of the job.
    func requireRank(_ root: Int) throws {
        guard root >= 0, root < size else {
            throw DTrainError(.internal, "there is no rank \(root) in a job of \(size); please report this")
        }
    }
}
