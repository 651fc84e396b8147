import Glibc
import Testing

@testable import DTrainCore

func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

func logSumExp(_ values: [Double]) -> Double {
    let largest = values.max() ?? 0
    return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
}

/// Numbers uniform in [−limit, limit), determined by the salt.
func testNumbers(_ count: Int, limit: Float = 1, salt: UInt32 = 0) -> [Float] {
    let random = CounterRandom(seed: 2024, purpose: .initialValues)
    return (0..<count).map { (2 * random.uniform(UInt64($0), salt) - 1) * limit }
}

/// Ids below `vocabularySize`, determined by the salt.
func testText(_ count: Int, vocabularySize: Int, salt: UInt32 = 0) -> [UInt16] {
    let random = CounterRandom(seed: 2024, purpose: .sampling)
    return (0..<count).map { UInt16(random.words(UInt64($0), salt).1 % UInt32(vocabularySize)) }
}

/// The bit patterns of floats.
func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }

/// A buffer with the given numbers.
func buffer(_ values: [Float]) throws -> AlignedBuffer<Float> {
    let buffer = try AlignedBuffer<Float>(count: values.count)
    _ = buffer.elements.update(from: values)
    return buffer
}

extension OperandFormat {
    /// The formats that this machine can train with.
    static var trainable: [OperandFormat] { allCases.filter { (try? $0.panelProducts()) != nil } }
}

extension ParameterLayout {
    /// The tensor with the given name.
    subscript(name: String) -> Tensor? { tensors.first { $0.name == name } }
}

/// |a − b| within `absolute`, or within `relative` of the larger.
func isClose(_ a: Double, _ b: Double, relative: Double, absolute: Double) -> Bool {
    abs(a - b) <= max(absolute, relative * max(abs(a), abs(b)))
}

/// The number of differing elements of two vectors.
///
/// A failed `==` of long vectors in an expectation would make the test library compute an edit
/// script.
func differences<Element: Equatable>(_ a: [Element], _ b: [Element]) -> Int {
    abs(a.count - b.count) + zip(a, b).count { $0 != $1 }
}
