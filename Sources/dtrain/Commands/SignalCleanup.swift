import DTrainCore
import DTrainDistributed
import Glibc

/// A signal ends a command that writes files as ever, but without what is half written.
enum CleanEnd {
    /// Watches for signals from now on.
    ///
    /// A thread does so: the other one may be stuck in a file system.
    ///
    /// - Parameter folder: where this process writes; its temporary files there are removed.
    static func removingTemporaries(in folder: String) throws {
        let signals = SignalQueue()
        try WaitingThread {
            while true {
                guard let signal = signals.pending(within: 3600).first?.number else { continue }
                // Those of other processes stay.
                let own = ".\(getpid())-"
                for name in (try? Folder.names(in: folder)) ?? []
                where name.hasSuffix(".dtrain-tmp") && name.contains(own) { unlink("\(folder)/\(name)") }
                StopSignals.end(by: signal)
            }
        }.detach()
    }
}
