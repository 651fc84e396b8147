/// The state of an optimizer between steps: its slots and the number of steps taken.
package final class OptimizerState: @unchecked Sendable {
    /// The optimizer.
    package let optimizer: any Optimizer
    /// The number of elements in each slot, which is the number of parameters.
    package let count: Int
    /// The slots in the optimizer's order, each in the layout of the parameters.
    package let slots: [AlignedBuffer<Float>]
    /// The number of steps taken.
    package var steps = 0

    /// The address of each slot's first element.
    private let addresses: AlignedBuffer<UnsafeMutablePointer<Float>>

    /// Allocates slots of zeros.
    ///
    /// - Parameters:
    ///   - optimizer: the optimizer.
    ///   - count: the number of parameters.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package init(_ optimizer: any Optimizer, count: Int) throws {
        let names = optimizer.slotNames
        precondition(
            Set(names).count == names.count && names.allSatisfy(SlotTensor.isSlot),
            "slots have distinct names of a word")
        self.optimizer = optimizer
        self.count = count
        slots = try optimizer.slots.map { _ in try AlignedBuffer(count: count) }
        addresses = try AlignedBuffer(count: slots.count)
        for (index, slot) in slots.enumerated() { addresses.pointer[index] = slot.pointer }
    }

    /// The address of each slot's first element, valid for the lifetime of this object.
    var slotAddresses: UnsafePointer<UnsafeMutablePointer<Float>> { UnsafePointer(addresses.pointer) }

    /// The update of the next step, number `steps` + 1.
    func nextUpdate(learningRate: Double, gradientScale: Float) -> any ParameterUpdate {
        optimizer.update(step: steps + 1, learningRate: learningRate, gradientScale: gradientScale)
    }
}
