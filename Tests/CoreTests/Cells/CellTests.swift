import Foundation
import Testing

@testable import DTrainCore

@Suite struct CellTests {
    @Test func cellNamesMatchFlagsAndFiles() {
        #expect(Cell.allCases.map(\.rawValue) == ["gru", "lstm", "rnn"])
        #expect(Cell.allCases.map(\.layerClass) == ["GRU", "LSTM", "SimpleRNN"])
        #expect(Cell.allCases.map { "\($0)" } == Cell.allCases.map(\.rawValue))
        #expect(Set(Cell.allCases).count == Cell.allCases.count)
    }

    @Test(arguments: Cell.allCases) func laterLayersAreNumberedAsInKeras(cell: Cell) {
        #expect((0..<3).map(cell.layerName) == [cell.layerName, "\(cell.layerName)_1", "\(cell.layerName)_2"])
        #expect(cell.name(of: .recurrentKernel, layer: 1) == "\(cell.layerName)_1.recurrent_kernel")
    }

    @Test(arguments: Cell.allCases) func aCellIsEncodedAsItsName(cell: Cell) throws {
        let stored = try JSONEncoder().encode([cell])
        #expect(String(decoding: stored, as: UTF8.self) == "[\"\(cell.rawValue)\"]")
        #expect(try JSONDecoder().decode([Cell].self, from: stored) == [cell])
        #expect(Cell(rawValue: cell.rawValue) == cell)
    }

    @Test(arguments: ["", "GRU", "simple_rnn", "gru_1"]) func unknownCellNamesAreRejected(name: String) {
        #expect(Cell(rawValue: name) == nil)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Cell].self, from: Data("[\"\(name)\"]".utf8))
        }
    }

    /// Each gate's columns of W and U and each of its biases are summed from exactly one record
    /// group.
    @Test(arguments: Cell.allCases) func everyGradientHasOneSource(cell: Cell) {
        let found = cell.routes.flatMap { route in route.destinations.map { "\(route.gate) \($0)" } }
        let all: [Cell.Route.Destination] =
            [.kernel, .recurrentKernel] + cell.initialBias.indices.map { .bias(row: $0) }
        let expected = (0..<cell.gates).flatMap { gate in all.map { "\(gate) \($0)" } }
        #expect(found.sorted() == expected.sorted())
        #expect(cell.initialBias.allSatisfy { $0.count == cell.gates })
    }

    /// The exchange and the norm use this order, so another one would change the bits of trainings.
    @Test func theOrderOfGradientsIsFixed() {
        func order(_ cell: Cell) -> [String] {
            cell.routes.map { route in
                let letters = route.destinations.map { destination in
                    switch destination {
                    case .recurrentKernel: "U"
                    case .kernel: "W"
                    case .bias(let row): "b\(row)"
                    }
                }
                return "\(route.gate): \(letters.joined(separator: " "))"
            }
        }
        #expect(order(.gru) == ["0: U b1 W b0", "1: U b1 W b0", "2: U b1", "2: W b0"])
        #expect(order(.lstm) == ["0: U W b0", "1: U W b0", "2: U W b0", "3: U W b0"])
        #expect(order(.simpleRNN) == ["0: U W b0"])
        #expect(Cell.allCases.filter(\.separatesInputGradient) == [.gru])
    }
}
