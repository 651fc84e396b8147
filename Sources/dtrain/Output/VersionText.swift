import CBuild
import DTrainCore
import DTrainDistributed

/// The text of `dtrain --version`, for bug reports.
enum VersionText {
    /// The version and commit, the MPI library, and the instruction set in use: one line each.
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
