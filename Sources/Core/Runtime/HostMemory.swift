/// Memory shared by the ranks of a host, for data that is the same on all of them.
///
/// Separate copies of the packed weights would evict each other from the shared cache.
public protocol HostMemory: AnyObject, Sendable {
    /// The number of ranks that share the memory; 1 if nothing is shared.
    var ranks: Int { get }
    /// This rank's number among them.
    var index: Int { get }

    /// Allocates a part of the memory, the same part on all ranks.
    ///
    /// All ranks must allocate the same sizes in the same order.
    ///
    /// - Returns: zeroed memory, aligned to 64 bytes, that lives as long as this object; nil when
    ///   it is used up or nothing is shared.
    func take(byteCount: Int) -> UnsafeMutableRawPointer?

    /// Waits for the ranks of this host. Writes before the call are visible to all of them after
    /// it.
    ///
    /// Collective: all ranks of the job must call it; each waits only for its own host.
    func barrier() throws
}
