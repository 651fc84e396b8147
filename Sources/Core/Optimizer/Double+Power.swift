/// Powers from multiplications and square roots, which every CPU and C library rounds in the same way, as `pow` isn't.
extension Double {
    /// This number multiplied by itself, by squaring.
    func raised(to exponent: Int) -> Double {
        var (result, square, rest) = (1.0, self, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }

    /// This number, at least 0, to the power of a fraction; within 1e-14 of the exact value, relatively.
    ///
    /// - Parameters:
    ///   - numerator: at least 0.
    ///   - denominator: at least 1.
    func raised(to numerator: Int, over denominator: Int) -> Double {
        let (whole, part) = numerator.quotientAndRemainder(dividingBy: denominator)
        var (result, root, rest) = (raised(to: whole), self, part)
        // The binary digits of the fraction, of which more than a significand has change nothing.
        for _ in 0..<Double.significandBitCount + 1 where rest > 0 {
            root = root.squareRoot()
            if rest >= denominator - rest {
                result *= root
                rest -= denominator - rest
            } else {
                rest += rest
            }
        }
        return result
    }
}
