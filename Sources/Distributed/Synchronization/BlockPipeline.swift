import Core

/// What is done with one block after another, by whoever represents its elements on the way.
protocol BlockSum: AnyObject {
    /// Where this rank's nodes are and where the sum goes.
    func use(nodes: UnsafeMutablePointer<Float>, result: UnsafeMutablePointer<Float>)

    /// Begins to send each owner its part of a block; collective.
    func startExchange(of block: Int) throws -> any Transfer

    /// Adds up this rank's part, when the exchange is complete.
    func addUp(_ block: Int)

    /// Begins to send this rank's part to all; collective. The last block takes the note along.
    func startGathering(of block: Int, note: RankNote) throws -> any Transfer

    /// Copies a gathered block to the result.
    func unpack(_ block: Int)

    /// All ranks' notes, when the last block is unpacked.
    var notes: [RankNote] { get }
}

/// Keeps blocks moving: each is exchanged, added up, gathered and unpacked.
///
/// All ranks begin the exchanges in the order of the blocks, and so the gatherings; one doesn't wait for the other.
final class BlockPipeline {
    /// Sent with the last block.
    var note = RankNote()
    /// All ranks' notes, when all is done.
    var notes: [RankNote] { sum.notes }
    /// The seconds during which at least one block was on its way.
    private(set) var busySeconds = 0.0

    private let sum: any BlockSum
    private let count: Int
    // Of leading blocks: those whose exchange has begun, whose gathering has begun, that are unpacked.
    private var exchanged = 0
    private var gathered = 0
    private var unpacked = 0
    private var exchanges: [(any Transfer)?]
    private var gatherings: [(any Transfer)?]
    private var busySince: Double?

    init(_ sum: any BlockSum, count: Int) {
        self.sum = sum
        self.count = count
        exchanges = Array(repeating: nil, count: count)
        gatherings = exchanges
    }

    var isDone: Bool { unpacked == count }

    /// What a rank with nothing else to do waits for.
    var current: StaticString { gathered < count ? "MPI_Ialltoallv" : "MPI_Iallgatherv" }

    func begin(nodes: UnsafeMutablePointer<Float>, into result: UnsafeMutablePointer<Float>) {
        sum.use(nodes: nodes, result: result)
        (exchanged, gathered, unpacked, busySeconds) = (0, 0, 0, 0)
        busySince = nil
    }

    /// Does what can be done without waiting.
    ///
    /// - Parameters:
    ///   - finished: leading blocks whose nodes are computed.
    ///   - limit: leading blocks that may be gathered.
    /// - Returns: whether anything has come to an end.
    func advance(finished: Int, gatherings limit: Int) throws -> Bool {
        var hasMoved = false
        while exchanged < finished {
            exchanges[exchanged] = try sum.startExchange(of: exchanged)
            exchanged += 1
        }
        while gathered < min(exchanged, limit), try exchanges[gathered]?.isComplete() == true {
            exchanges[gathered] = nil
            sum.addUp(gathered)
            gatherings[gathered] = try sum.startGathering(of: gathered, note: note)
            gathered += 1
            hasMoved = true
        }
        while unpacked < gathered, try gatherings[unpacked]?.isComplete() == true {
            gatherings[unpacked] = nil
            sum.unpack(unpacked)
            unpacked += 1
            hasMoved = true
        }
        noteTime()
        return hasMoved
    }

    private func noteTime() {
        let isBusy = unpacked < exchanged
        guard isBusy || busySince != nil else { return }
        let now = Clock.seconds
        if let busySince { busySeconds += now - busySince }
        busySince = isBusy ? now : nil
    }
}
