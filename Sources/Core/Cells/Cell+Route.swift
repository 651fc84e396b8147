extension Cell {
    /// The weight gradients that one group of a token's record contributes to.
    struct Route: Hashable, Sendable {
        /// A gradient summed from a record group.
        enum Destination: Hashable, Sendable {
            /// The gate's columns of W, which multiply the layer's input.
            case kernel
            /// The gate's columns of U, which multiply the state before the token.
            case recurrentKernel
            /// The gate's columns of one row of the bias.
            case bias(row: Int)
        }

        /// The gate whose columns the group contributes to.
        let gate: Int
        /// The gradients, in the order in which they are stored, exchanged and summed into the
        /// norm.
        let destinations: [Destination]

        init(gate: Int, to destinations: [Destination]) {
            self.gate = gate
            self.destinations = destinations
        }
    }
}
