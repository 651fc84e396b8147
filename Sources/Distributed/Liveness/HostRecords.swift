/// The liveness records of one host's ranks; any of them can read these while another one is stuck.
protocol HostRecords: AnyObject, Sendable {
    /// The records of this host's ranks.
    var records: [LivenessRecord] { get }

    /// Writes this rank's record; only the watching thread writes `rounds`.
    func publish(_ record: LivenessRecord, withRounds: Bool)

    /// Claims the host's report; returns whether this rank is the first to claim it.
    func claimReport() -> Bool

    /// Resumes this host's other ranks with SIGCONT if they are stopped (SIGSTOP).
    func continueStopped()
}
