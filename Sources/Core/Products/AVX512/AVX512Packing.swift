#if arch(x86_64)
    import CKernels

    /// Weights in column blocks: [column blocks][steps in whole blocks][columns of a block].
    struct AVX512Packing: WeightPacking {
        /// Packs weights into room for some words.
        typealias Pack = (
            _ weights: UnsafePointer<Float>, _ packed: UnsafeMutableRawPointer, _ words: Int
        ) -> Void

        /// Products of some columns compute whole column blocks.
        static let columnStep = DTRAIN_BLOCK_COLUMNS

        let words: Int
        private let depth: Int
        private let columns: Int
        private let rowBytes: Int
        private let loops: AVX512Product.Loops
        private let pack: Pack

        /// A packing of B[depth, columns].
        ///
        /// - Parameters:
        ///   - steps: the words that a column of B takes.
        ///   - rowBytes: the bytes of a row of A.
        ///   - loops: the function of CKernels that multiplies.
        init(
            depth: Int, columns: Int, steps: Int, rowBytes: Int, loops: @escaping AVX512Product.Loops,
            pack: @escaping Pack
        ) {
            words = Self.words(columns: columns, steps: steps)
            (self.depth, self.columns, self.rowBytes) = (depth, columns, rowBytes)
            (self.loops, self.pack) = (loops, pack)
        }

        /// The words of packed columns of some steps.
        static func words(columns: Int, steps: Int) -> Int {
            let columnBlocks = columns.groups(of: DTRAIN_BLOCK_COLUMNS)
            let blocks = columnBlocks * steps.groups(of: DTRAIN_BLOCK_STEPS)
            return blocks * DTRAIN_BLOCK_STEPS * DTRAIN_BLOCK_COLUMNS
        }

        func pack(_ weights: UnsafePointer<Float>, to packed: UnsafeMutableRawPointer) {
            pack(weights, packed, words)
        }

        func product(rows: Int, columns: ColumnGroups?, accumulate: Bool) throws -> any WeightProduct {
            try AVX512Product(
                rows: rows, depth: depth, rowBytes: rowBytes, columns: columns ?? ColumnGroups(first: 0..<self.columns),
                of: self.columns, accumulate: accumulate, loops: loops)
        }
    }
#endif
