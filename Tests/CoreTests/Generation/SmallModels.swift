@testable import DTrainCore

/// Fixtures for suites that generate with a small model.
protocol SmallModels {}

extension SmallModels {
    static var vocabularySize: Int { 9 }

    func layout(_ cell: Cell = .gru, layers: Int = 1) -> ParameterLayout {
        ParameterLayout(
            ModelConfiguration(
                cell: cell, layers: layers, embeddingDim: 3, rnnUnits: 7, vocabularySize: Self.vocabularySize))
    }

    /// Weights with logits that depend more on the text than on the bias.
    func values(_ layout: ParameterLayout) -> [Float] {
        var values = testNumbers(layout.count)
        for tensor in layout.tensors where !tensor.name.hasSuffix("bias") {
            for index in tensor.offset..<tensor.offset + tensor.count { values[index] *= 4 }
        }
        return values
    }

    func generator(
        _ layout: ParameterLayout, threads: Int = 1, change: (inout [Float]) -> Void = { _ in }
    ) throws -> Generator {
        var values = values(layout)
        change(&values)
        return try Generator(layout: layout, parameters: buffer(values), threads: threads)
    }

    /// Prompts of these lengths, without `[UNK]`.
    func prompts(_ lengths: [Int], salt: UInt32 = 0) -> [[UInt16]] {
        lengths.enumerated().map { number, length in
            testText(length, vocabularySize: Self.vocabularySize - 1, salt: salt + UInt32(number)).map { $0 + 1 }
        }
    }

    /// A model with constant logits.
    func generator(logits: [Float]) throws -> Generator {
        let layout = layout()
        return try generator(layout) { values in
            values = [Float](repeating: 0, count: values.count)
            values.replaceSubrange(layout.denseBias..<layout.denseBias + logits.count, with: logits)
        }
    }
}
