import DTrainCore

extension GradientSynchronizer {
    /// The reduction of one step's gradient, from `begin` to `finish`.
    ///
    /// It can't be copied, and `finish` consumes it. Until then the synchronizer begins no other one.
    package struct Reduction: ~Copyable {
        private let synchronizer: GradientSynchronizer
        private let nodes: UnsafeMutablePointer<Float>

        init(_ synchronizer: GradientSynchronizer, nodes: UnsafeMutablePointer<Float>) {
            (self.synchronizer, self.nodes) = (synchronizer, nodes)
        }

        /// Starts the transfer of finished blocks and continues those under way, without waiting.
        ///
        /// Not collective. Called on the communicator's thread; frequent calls hide more of the
        /// exchange.
        ///
        /// - Parameter finished: the number of leading blocks whose nodes are computed.
        package func advance(finished: Int) throws {
            guard case .blocks(let pipeline) = synchronizer.method else { return }
            try pipeline.advance(finished: finished, nodes)
        }

        /// Completes the reduction once all nodes are computed; collective.
        ///
        /// - Parameter stopSignal: the signal that asked this rank to stop, 0 for none; sent to all
        ///   ranks with the sums.
        /// - Returns: where the time went, and the trailers of all ranks.
        package consuming func finish(stopSignal: UInt32 = 0) throws -> Outcome {
            let start = Clock.seconds
            let own = RankTrailer(
                stopSignal: stopSignal, computingSeconds: start - (synchronizer.computingSince ?? start))
            var times = ReductionTimes()
            let trailers: [RankTrailer]
            switch synchronizer.method {
            case .alone: trailers = [own]
            case .blocks(let pipeline):
                times.interleaved = pipeline.interleavedSeconds
                trailers = try pipeline.finish(nodes, trailer: own, synchronizer.communicator)
                times.hidden = pipeline.hiddenSeconds
            case .library(let library):
                trailers = try library.reduce(nodes, trailer: own, synchronizer.communicator)
            }
            let end = Clock.seconds
            synchronizer.computingSince = end
            synchronizer.isReducing = false
            times.finishing = end - start
            let longest = trailers.reduce(own.computingMicroseconds) { max($0, $1.computingMicroseconds) }
            times.waiting = min(times.finishing, Double(longest - own.computingMicroseconds) * 1e-6)
            return Outcome(times: times, trailers: trailers)
        }
    }

    /// What a reduction returns besides the sum.
    package struct Outcome: Hashable, Sendable {
        /// Where the time of this rank went.
        package let times: ReductionTimes
        /// The trailers of all ranks, in rank order.
        package let trailers: [RankTrailer]

        /// The signals that asked the ranks to stop, in rank order; 0 for none.
        package var stopSignals: [UInt32] { trailers.map(\.stopSignal) }
    }
}
