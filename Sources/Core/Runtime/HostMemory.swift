/// Memory that the ranks of a host share, for data that is the same on all of them.
///
/// Separate copies of the packed weights would evict each other from the shared cache.
public protocol HostMemory: AnyObject, Sendable {
    /// The number of ranks that share the memory; 1 where nothing is shared.
    var ranks: Int { get }
    /// This rank's number among them.
    var index: Int { get }

    /// Allocates a part of the memory, at the same place for all ranks, which allocate the same
    /// sizes in the same order.
    ///
    /// - Returns: zeroed memory, aligned to 64 bytes, that lives as long as this object; nil when
    ///   it is used up or nothing is shared.
    func take(byteCount: Int) -> UnsafeMutableRawPointer?

    /// Waits for the ranks of this host; earlier writes of one rank are then visible to the others.
    ///
    /// Collective: all ranks of the job, each among those of its host.
    func meet() throws
}
