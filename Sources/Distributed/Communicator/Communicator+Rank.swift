import DTrainCore

extension Communicator {
    /// Refuses a rank that the job doesn't have.
    func requireRank(_ root: Int) throws {
        guard root >= 0, root < size else {
            throw DTrainError(.internal, "there is no rank \(root) in a job of \(size); please report this")
        }
    }
}
