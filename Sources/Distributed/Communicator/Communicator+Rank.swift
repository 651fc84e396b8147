import DTrainCore

extension Communicator {
    /// Throws unless the job has a rank of that number.
    func requireRank(_ root: Int) throws {
        guard root >= 0, root < size else {
            throw DTrainError(.internal, "there is no rank \(root) in a job of \(size); please report this")
        }
    }
}
