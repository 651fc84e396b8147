import CBuild
import DTrainCore
import DTrainDistributed

/// What `dtrain --version` says: what a report of a fault should name.
enum VersionText {
    /// The version and commit, the MPI library, the instructions that trainings would use: one line each.
    static var text: String {
        let commit = String(cString: dtrain_commit())
        let version = commit.isEmpty ? dtrainVersion : "\(dtrainVersion) (\(commit))"
        return [version, MPIEnvironment.libraryVersion, instructions].joined(separator: "\n")
    }

    private static var instructions: String {
        do {
            let fusing = InstructionSet.hasFusedMultiplyAdd ? "" : ", without fused multiply-add"
            return "\(try InstructionSet.inUse().rawValue) instructions\(fusing)"
        } catch {
            return "\(error)"
        }
    }
}
