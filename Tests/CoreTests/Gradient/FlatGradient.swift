@testable import DTrainCore

extension GradientSums {
    /// The whole gradient in the flat layout, after all nodes are summed.
    func flat() -> [Float] {
        var flat = [Float](repeating: 0, count: layout.count)
        flat.replaceSubrange(0..<layout.summed.lowerBound, with: inputs.elements)
        blocks.unpack(sums.pointer, to: &flat)
        return flat
    }
}
