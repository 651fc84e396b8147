import DTrainCore
import Testing

@Suite struct ParameterLayoutTests {
    @Test func tutorialModelHasTheTutorialsParameterCounts() {
        let layout = ParameterLayout(ModelConfiguration(vocabularySize: 66))
        func count(_ prefix: String) -> Int {
            layout.tensors.filter { $0.name.hasPrefix(prefix) }.reduce(0) { $0 + $1.count }
        }
        #expect(count("embedding.") == 16_896)
        #expect(count("gru.") == 3_938_304)
        #expect(count("dense.") == 67_650)
        #expect(layout.count == 4_022_850)
    }

    @Test func gruTensorsHaveCheckpointNamesAndShapes() {
        let layout = ParameterLayout(
            ModelConfiguration(cell: .gru, layers: 3, embeddingDim: 3, rnnUnits: 7, vocabularySize: 5))
        #expect(
            layout.tensors.map(\.name) == [
                "embedding.embeddings", "gru.kernel", "gru.recurrent_kernel", "gru.bias", "gru_1.kernel",
                "gru_1.recurrent_kernel", "gru_1.bias", "gru_2.kernel", "gru_2.recurrent_kernel", "gru_2.bias",
                "dense.kernel", "dense.bias",
            ])
        #expect(
            layout.tensors.map(\.shape) == [
                [5, 3], [3, 21], [7, 21], [2, 21], [7, 21], [7, 21], [2, 21], [7, 21], [7, 21], [2, 21], [7, 5], [5],
            ])
    }

    @Test func lstmTensorsHaveCheckpointNamesAndShapes() {
        let layout = ParameterLayout(
            ModelConfiguration(cell: .lstm, layers: 2, embeddingDim: 3, rnnUnits: 7, vocabularySize: 5))
        #expect(
            layout.tensors.map(\.name) == [
                "embedding.embeddings", "lstm.kernel", "lstm.recurrent_kernel", "lstm.bias", "lstm_1.kernel",
                "lstm_1.recurrent_kernel", "lstm_1.bias", "dense.kernel", "dense.bias",
            ])
        #expect(
            layout.tensors.map(\.shape) == [
                [5, 3], [3, 28], [7, 28], [28], [7, 28], [7, 28], [28], [7, 5], [5],
            ])
    }

    @Test func simpleRNNTensorsHaveCheckpointNamesAndShapes() {
        let layout = ParameterLayout(
            ModelConfiguration(cell: .simpleRNN, layers: 2, embeddingDim: 3, rnnUnits: 7, vocabularySize: 5))
        #expect(
            layout.tensors.map(\.name) == [
                "embedding.embeddings", "simple_rnn.kernel", "simple_rnn.recurrent_kernel", "simple_rnn.bias",
                "simple_rnn_1.kernel", "simple_rnn_1.recurrent_kernel", "simple_rnn_1.bias", "dense.kernel",
                "dense.bias",
            ])
        #expect(
            layout.tensors.map(\.shape) == [[5, 3], [3, 7], [7, 7], [7], [7, 7], [7, 7], [7], [7, 5], [5]])
    }

    @Test(arguments: Cell.allCases, [1, 2, 3])
    func tensorsAreContiguous(cell: Cell, layers: Int) throws {
        let layout = ParameterLayout(
            ModelConfiguration(cell: cell, layers: layers, embeddingDim: 3, rnnUnits: 7, vocabularySize: 5))
        var next = 0
        for tensor in layout.tensors {
            #expect(tensor.offset == next)
            next += tensor.shape.reduce(1, *)
        }
        #expect(layout.count == next)
        #expect(layout.embeddings == layout["embedding.embeddings"]?.offset)
        #expect(layout.denseKernel == layout["dense.kernel"]?.offset)
        #expect(layout.denseBias == layout["dense.bias"]?.offset)
        for place in layout.recurrent {
            #expect(place.kernel == layout["\(place.name).kernel"]?.offset)
            #expect(place.recurrentKernel == layout["\(place.name).recurrent_kernel"]?.offset)
            #expect(place.bias == layout["\(place.name).bias"]?.offset)
            #expect(place.inputDim == layout["\(place.name).kernel"]?.shape[0])
        }
        #expect(layout["gru_9.kernel"] == nil)
    }
}
