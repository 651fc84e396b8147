import Testing

@testable import Scaling

/// The numerical methods of the fit.
@Suite struct LeastSquaresTests {
    @Test func exactCostsAreRecovered() throws {
        let rows = [[1.0, 2, 0], [1, 5, 1], [1, 9, 3], [1, 1, 7]]
        let truth = [0.5, 0.25, 2.0]
        let values = rows.map { zip($0, truth).reduce(0) { $0 + $1.0 * $1.1 } }
        let found = try #require(NonNegativeLeastSquares.solve(rows, values))
        for (a, b) in zip(found, truth) { #expect(abs(a - b) < 1e-9) }
    }

    /// y = 3 − x/2 needs a negative slope.
    ///
    /// The best fit without one is the constant c that minimizes Σ (c/y − 1)².
    @Test func coefficientsAreNeverNegative() throws {
        let values = [2.5, 2.0, 1.5]
        let found = try #require(NonNegativeLeastSquares.solve([[1.0, 1], [1, 2], [1, 3]], values))
        let (inverse, squares) = values.reduce((0.0, 0.0)) { ($0.0 + 1 / $1, $0.1 + 1 / $1 / $1) }
        #expect(found[1] == 0)
        #expect(abs(found[0] - inverse / squares) < 1e-12)
    }

    @Test func dependentColumnsDoNotShareACost() throws {
        let found = try #require(NonNegativeLeastSquares.solve([[1.0, 2], [2, 4]], [3, 6]))
        #expect(abs(found[0] + 2 * found[1] - 3) < 1e-9)
        #expect(found.contains(0))
    }

    @Test func emptyOrZeroInputHasNoSolution() {
        #expect(NonNegativeLeastSquares.solve([], []) == nil)
        #expect(NonNegativeLeastSquares.solve([[1]], [0]) == nil)
    }

    /// The expected maxima are 0, 1/√π, 3/(2√π), and a published value for ten.
    @Test(arguments: [(1, 0.0), (2, 0.5641895835477563), (3, 0.8462843753216345), (10, 1.5387527308351728)])
    func expectedMaximaOfNormalValuesMatchKnownOnes(count: Int, expected: Double) {
        #expect(abs(expectedNormalMaximum(of: count) - expected) < 1e-9)
    }
}
