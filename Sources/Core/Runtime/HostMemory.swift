/// Memory that several ranks of a host share: what is the same on all of them is made once and kept once.
///
/// Two copies of the packed weights drive each other out of the cache that the cores share.
public protocol HostMemory: AnyObject, Sendable {
    /// The ranks that share it; 1 where nothing is shared.
    var ranks: Int { get }
    /// This rank's number among them.
    var index: Int { get }

    /// Room for some bytes, at the same place for all ranks; all of them ask for the same in the same order.
    ///
    /// - Returns: zeroed memory on a boundary of 64 bytes that lives as long as this object; nil where none is left or nothing
    ///   is shared.
    func take(byteCount: Int) -> UnsafeMutableRawPointer?

    /// Waits until all ranks of the job's hosts that share are here; what one has written before the others see after it.
    ///
    /// Collective: all ranks of the job, each among those of its host.
    func meet() throws
}
