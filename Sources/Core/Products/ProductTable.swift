/// An implementation of products for some operand formats.
protocol ProductImplementation: Sendable {
    /// Returns products with packed weights in a format, or nil if the implementation has none.
    static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)?

    /// Returns sums over tokens in a format, or nil if the implementation has none.
    static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)?
}

extension InstructionSet {
    /// The implementations of this set; the first one that supports a format is used.
    var implementations: [any ProductImplementation.Type] {
        var all: [any ProductImplementation.Type] = []
        #if arch(x86_64)
            if self == .amx { all.append(AMXProducts.self) }
            if includes(.avx512BF16) { all.append(BF16Products.self) }
        #endif
        all += [EmulatedAMXProducts.self, FP32Products.self]
        return all
    }
}

extension OperandFormat {
    /// Returns whether this process multiplies weights of this format.
    ///
    /// - Throws: `DTrainError` with `usage` as `InstructionSet.inUse` does.
    func isSupported() throws -> Bool {
        try InstructionSet.inUse().implementations.contains { $0.weightProducts(self) != nil }
    }

    /// Returns the products with packed weights.
    ///
    /// - Throws: `DTrainError` with `internal` when no implementation has the format, or as
    ///   `InstructionSet.inUse` does.
    func weightProducts() throws -> any WeightProducts {
        try first { $0.weightProducts(self) }
    }

    /// Returns the sums over tokens.
    ///
    /// - Throws: `DTrainError` with `internal` when no implementation has the format, or as
    ///   `InstructionSet.inUse` does.
    func panelProducts() throws -> any PanelProducts {
        try first { $0.panelProducts(self) }
    }

    private func first<Products>(_ make: (any ProductImplementation.Type) -> Products?) throws -> Products {
        for implementation in try InstructionSet.inUse().implementations {
            if let products = make(implementation) { return products }
        }
        throw DTrainError(.internal, "there are no products of \(self) operands; please report this")
    }
}
