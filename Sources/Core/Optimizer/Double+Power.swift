/// Powers computed by multiplication and square root, which round the same on every CPU and in
/// every C library; `pow` doesn't.
extension Double {
    /// This number to an integer power, by repeated squaring.
    func raised(to exponent: Int) -> Double {
        var (result, square, rest) = (1.0, self, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }

    /// This number to a rational power, with a relative error below 1e-14; the number must not be
    /// negative.
    ///
    /// - Parameters:
    ///   - numerator: the exponent's numerator, at least 0.
    ///   - denominator: the exponent's denominator, at least 1.
    func raised(to numerator: Int, over denominator: Int) -> Double {
        let (whole, part) = numerator.quotientAndRemainder(dividingBy: denominator)
        var (result, root, rest) = (raised(to: whole), self, part)
        // The exponent's binary digits; those past the precision of a significand have no effect.
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
