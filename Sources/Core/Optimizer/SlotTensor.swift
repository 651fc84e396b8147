/// The names of optimizer tensors in checkpoints.
///
/// `adam.m.gru.kernel` is slot `adam.m` of parameter `gru.kernel`.
enum SlotTensor {
    /// The name of the tensor that holds a parameter's slot.
    static func name(slot: String, parameter: String) -> String { "\(slot).\(parameter)" }

    /// The slot in the name of a parameter's slot tensor; nil if the name is not of that form.
    static func slot(of name: String, parameter: String) -> String? {
        guard name.hasSuffix(".\(parameter)") else { return nil }
        let slot = String(name.dropLast(parameter.count + 1))
        return isSlot(slot) ? slot : nil
    }

    /// The parameter in the name of a slot tensor: the name without its first two words.
    static func parameter(of name: String) -> String {
        name.split(separator: ".", omittingEmptySubsequences: false).dropFirst(2).joined(separator: ".")
    }

    /// Whether this is the name of a slot: two words joined by a dot.
    static func isSlot(_ name: String) -> Bool {
        let words = name.split(separator: ".", omittingEmptySubsequences: false)
        return words.count == 2 && words.allSatisfy { !$0.isEmpty }
    }
}

extension Optimizer {
    /// The names of the slots in a checkpoint, such as `adam.m`.
    var slotNames: [String] { slots.map { "\(stateName).\($0.name)" } }
}
