import CKernels
import Glibc
import Testing

/// Elementary functions against the C library's, which are accurate to one or two ulps.
@Suite struct ElementaryFunctionTests {
    @Test func logarithmMatchesTheCLibrary() {
        // Values around 1, values of all magnitudes, and the random numbers used for initial values.
        let near = (-500...500).map { 1 + Double($0) * 0x1p-12 }
        let wide = (-1000...1000).map { 1.37 * Double(sign: .plus, exponent: $0, significand: 1) }
        let uniform = (0..<2000).map { (Double($0 * 8191) + 0.5) * 0x1p-24 }
        for x in near + wide + uniform {
            #expect(abs(dtrain_log(x) - log(x)) <= 6e-16 * abs(log(x)), "\(x)")
        }
        #expect(dtrain_log(1) == 0)
    }

    @Test func logarithmsOutsideTheDomainAreNotFinite() {
        #expect(dtrain_log(.infinity) == .infinity)
        #expect([Double.nan, -1, -Double.infinity].allSatisfy { dtrain_log($0).isNaN })
    }

    @Test func sineAndCosineOfTurnsMatchTheCLibrary() {
        for numerator in stride(from: 0, to: 1 << 24, by: 4093) {
            let turns = Double(numerator) * 0x1p-24
            var (sine, cosine) = (0.0, 0.0)
            dtrain_sine_cosine(turns, &sine, &cosine)
            // The library's argument is rounded, by at most 2⁻⁵² · 2π.
            #expect(
                abs(sine - sin(2 * .pi * turns)) <= 1e-15 && abs(cosine - cos(2 * .pi * turns)) <= 1e-15, "\(turns)")
        }
        for (quarter, expected) in [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)].enumerated() {
            var (sine, cosine) = (9.0, 9.0)
            dtrain_sine_cosine(Double(quarter) / 4, &sine, &cosine)
            #expect((sine, cosine) == expected)
        }
    }
}
