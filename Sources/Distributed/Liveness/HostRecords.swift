/// The records of the ranks of one host, which any of them can read while another one is stuck.
protocol HostRecords: AnyObject, Sendable {
    /// The records of this host's ranks.
    var records: [LivenessRecord] { get }

    /// Writes this rank's record: all of it by the watching thread, the training's part by the training itself.
    func publish(_ record: LivenessRecord, withLooks: Bool)

    /// Whether this rank is the first of its host to report; the others needn't.
    func claimReport() -> Bool

    /// Continues the processes of this host's other ranks if they are stopped (SIGSTOP).
    func continueStopped()
}
