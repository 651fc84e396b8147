import Foundation
import Testing

/// The metrics file of a training.
struct Metrics {
    /// A line of a step or an epoch.
    struct Line: Decodable {
        let step: Int?
        let epoch: Int
        let loss: Double?
        let epochLoss: Double?
        let validationLoss: Double?
        let seconds: Double
        let tokens: Int?
        let tokensPerSecond: Double?
        let gradientNorm: Double?
        let learningRate: Double?
        let profile: [String: Double]?

        enum CodingKeys: String, CodingKey {
            case step, epoch, loss, seconds, tokens, profile
            case epochLoss = "epoch_loss"
            case validationLoss = "validation_loss"
            case tokensPerSecond = "tokens_per_second"
            case gradientNorm = "gradient_norm"
            case learningRate = "learning_rate"
        }
    }

    let lines: [Line]

    /// Reads a file in which every line must be a complete JSON object.
    init(_ data: Data) throws {
        try #require(data.last == UInt8(ascii: "\n"))
        lines = try data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
            .map { try JSONDecoder().decode(Line.self, from: $0) }
    }

    var steps: [Int] { lines.compactMap { $0.loss == nil ? nil : $0.step } }
    var losses: [Double] { lines.compactMap(\.loss) }
    var gradientNorms: [Double] { lines.compactMap(\.gradientNorm) }
    var learningRates: [Double] { lines.compactMap(\.learningRate) }
    var validationLosses: [Double] { lines.compactMap(\.validationLoss) }
    var epochs: [Int] { lines.filter { $0.step == nil }.map(\.epoch) }
    var epochLosses: [Double] { lines.compactMap(\.epochLoss) }
}
