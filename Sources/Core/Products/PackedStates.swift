import CKernels

/// h of a layer after each token, as the weight gradient's products read it: hᵀ, a micro-batch at a time.
///
/// dtrain's own loops read blocks of units (`dtrain_block_columns`), oneDNN a plain [H][tokens].
struct PackedStates {
    private enum Storage {
        case blocks(AlignedBuffer<Float>)
        case blocksOfPairs(AlignedBuffer<UInt32>)
        case transposed(AlignedBuffer<Float>)
    }

    private let storage: Storage
    private let rankBatch: RankBatch
    private let units: Int
    private let isRounded: Bool

    /// Units that a block holds; the last one is allocated whole.
    private static let block = 12

    init(rankBatch: RankBatch, units: Int, format: OperandFormat) throws {
        self.rankBatch = rankBatch
        self.units = units
        let states = (rankBatch.microBatchSize * rankBatch.sequenceLength + 1) / 2 * 2 * rankBatch.count
        let blocked = (units + Self.block - 1) / Self.block * Self.block
        storage =
            switch format {
            case .bf16: .blocksOfPairs(try AlignedBuffer(count: states / 2 * blocked))
            case _ where format.hasVectorProducts: .blocks(try AlignedBuffer(count: states * blocked))
            case .fp32, .roundedFP32, .expandedBF16: .transposed(try AlignedBuffer(count: states * units))
            }
        isRounded = format == .roundedFP32
    }

    /// Fills in a micro-batch from its states after each token, [tokens][units].
    func fill(_ microBatch: Int, from hidden: UnsafePointer<Float>) {
        let states = Int64(rankBatch.tokens(of: microBatch).count)
        let units = Int64(self.units)
        switch storage {
        case .blocks(let buffer):
            dtrain_block_columns(states, units, hidden, start(of: microBatch, in: buffer))
            round(microBatch, in: buffer)
        case .blocksOfPairs(let buffer):
            dtrain_block_columns_to_bf16(states, units, hidden, start(of: microBatch, in: buffer))
        case .transposed(let buffer):
            dtrain_transpose(states, units, hidden, states, start(of: microBatch, in: buffer))
            round(microBatch, in: buffer)
        }
    }

    private func round(_ microBatch: Int, in buffer: AlignedBuffer<Float>) {
        guard isRounded else { return }
        let start = start(of: microBatch, in: buffer)
        dtrain_round_to_bf16(Int64(buffer.count / max(1, rankBatch.count)), start, start)
    }

    /// A micro-batch's operand.
    func bytes(_ microBatch: Int) -> UnsafeRawPointer {
        switch storage {
        case .blocks(let buffer), .transposed(let buffer): UnsafeRawPointer(start(of: microBatch, in: buffer))
        case .blocksOfPairs(let buffer): UnsafeRawPointer(start(of: microBatch, in: buffer))
        }
    }

    private func start<Element>(of microBatch: Int, in buffer: AlignedBuffer<Element>) -> UnsafeMutablePointer<Element>
    {
        buffer.pointer + buffer.count / max(1, rankBatch.count) * microBatch
    }
}
