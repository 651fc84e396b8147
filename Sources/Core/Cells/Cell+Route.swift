extension Cell {
    /// The way from one group of a token's record to the weight gradients.
    struct Route: Hashable, Sendable {
        /// A gradient that is summed from a record group.
        enum Destination: Hashable, Sendable {
            /// The gate's columns of W, multiplied with the layer's input.
            case kernel
            /// The gate's columns of U, multiplied with the state before the token.
            case recurrentKernel
            /// The gate's columns of one row of the bias.
            case bias(row: Int)
        }

        /// The gate whose columns the group yields.
        let gate: Int
        /// The gradients, in the order in which they are stored, exchanged and summed into the norm.
        let destinations: [Destination]

        init(gate: Int, to destinations: [Destination]) {
            self.gate = gate
            self.destinations = destinations
        }
    }
}
