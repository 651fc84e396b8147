import DTrainCore
import DTrainDistributed
import Glibc

/// Removes half-written files when a signal ends a command.
enum SignalCleanup {
    /// Starts a thread that, on a signal, removes this process's temporary files from a folder and
    /// ends the process.
    ///
    /// The main thread may be blocked in a file system call.
    ///
    /// - Parameter folder: the folder that this process writes to.
    static func removeTemporaries(in folder: String) throws {
        let signals = SignalQueue()
        try BlockingThread {
            while true {
                guard let signal = signals.pending(within: 3600).first?.number else { continue }
                // Temporary files of other processes stay.
                let own = ".\(getpid())-"
                for name in (try? Folder.names(in: folder)) ?? []
                where name.hasSuffix(".dtrain-tmp") && name.contains(own) { unlink("\(folder)/\(name)") }
                StopSignals.end(by: signal)
            }
        }.detach()
    }
}
