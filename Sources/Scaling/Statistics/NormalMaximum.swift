import Glibc

/// The expected maximum of n independent standard normal values: the slowest of n workers'
/// deviation from the mean.
///
/// E = ∫ x·n·φ(x)·Φ(x)^(n−1) dx, by Simpson's rule; 1/√π for two.
func expectedNormalMaximum(of count: Int) -> Double {
    guard count > 1 else { return 0 }
    let (intervals, limit) = (4000, 9.0)
    let width = 2 * limit / Double(intervals)
    var sum = 0.0
    for index in 0...intervals {
        let x = -limit + Double(index) * width
        let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
        let below = 0.5 * erfc(-x / 2.0.squareRoot())
        let weight = index == 0 || index == intervals ? 1.0 : index.isMultiple(of: 2) ? 2 : 4
        sum += weight * x * Double(count) * density * pow(below, Double(count - 1))
    }
    return sum * width / 3
}
