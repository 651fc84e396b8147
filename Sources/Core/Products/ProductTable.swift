import COneDNN

/// The products of one instruction set or library.
protocol ProductImplementation: Sendable {
    /// Products with packed weights in a format, or nil if the implementation has none.
    static func weightProducts(_ format: OperandFormat) -> (any WeightProducts)?

    /// Sums over tokens in a format, or nil if the implementation has none.
    static func panelProducts(_ format: OperandFormat) -> (any PanelProducts)?
}

/// The implementations that this CPU can run; the first one that has a format multiplies it.
private let implementations: [any ProductImplementation.Type] = {
    var all: [any ProductImplementation.Type] = []
    #if arch(x86_64)
        if hasInstructions(dnnl_cpu_isa_avx512_core) { all.append(AVX512Products.self) }
        if hasInstructions(dnnl_cpu_isa_avx512_core_bf16) { all.append(AVX512BF16Products.self) }
    #endif
    all.append(OneDNNProducts.self)
    return all
}()

/// Whether this CPU has an instruction set that ONEDNN_MAX_CPU_ISA doesn't exclude.
private func hasInstructions(_ set: dnnl_cpu_isa_t) -> Bool {
    dnnl_get_effective_cpu_isa().rawValue & set.rawValue == set.rawValue
}

extension OperandFormat {
    /// Whether this CPU multiplies weights of this format.
    var isSupported: Bool { implementations.contains { $0.weightProducts(self) != nil } }

    /// This CPU's products with packed weights.
    ///
    /// - Throws: `DTrainError` with `internal` when no implementation has the format.
    func weightProducts() throws -> any WeightProducts {
        try first { $0.weightProducts(self) }
    }

    /// This CPU's sums over tokens.
    ///
    /// - Throws: `DTrainError` with `internal` when no implementation has the format.
    func panelProducts() throws -> any PanelProducts {
        try first { $0.panelProducts(self) }
    }

    private func first<Products>(_ make: (any ProductImplementation.Type) -> Products?) throws -> Products {
        for implementation in implementations {
            if let products = make(implementation) { return products }
        }
        throw DTrainError(.internal, "this CPU has no products of \(self) operands; please report this")
    }
}
