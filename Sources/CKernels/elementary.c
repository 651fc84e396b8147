// Scalar functions with the same bits on every CPU and C library: they use plain double arithmetic,
// because their results enter weights or decisions.
#include "CKernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// x = m * 2^e with m from sqrt(1/2) to sqrt(2); log m = 2 artanh s with s = (m - 1) / (m + 1) and
// |s| < 0.1716. Eleven terms of the series leave an error below 1e-17.
double dtrain_log(double x) {
    // Infinity, NaN, and numbers below the smallest normal one.
    if (!(x >= DBL_MIN && x <= DBL_MAX)) return x > 0.0 ? x : NAN;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    // The difference to the bits of sqrt(1/2) holds the exponent e in its upper bits.
    const int64_t difference = (int64_t)(bits - UINT64_C(0x3fe6a09e667f3bcd));
    const int64_t exponent = difference >> 52;
    bits -= (uint64_t)exponent << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1.0) / (m + 1.0), square = s * s;
    double series = 1.0 / 21.0;
    for (int i = 19; i >= 1; i -= 2) series = series * square + 1.0 / i;
    const double e = (double)exponent;
    // ln 2 in two parts; the product of e and the first is exact.
    return e * 0x1.62e42fefa0000p-1 + (e * 0x1.cf79abc9e3b3ap-40 + 2.0 * s * series);
}

// Subtracts the nearest quarter turn exactly. The rest is at most pi / 4, where nine terms of the
// Taylor series leave an error below 1e-17.
void dtrain_sine_cosine(double turns, double *sine, double *cosine) {
    const int64_t quarter = (int64_t)(turns * 4.0 + 0.5);
    const double x = (turns * 4.0 - (double)quarter) * 1.57079632679489661923, square = x * x;
    double odd = 1.0, even = 1.0;
    for (int i = 16; i >= 2; i -= 2) {
        even = 1.0 - even * square / (i * (i - 1));
        odd = 1.0 - odd * square / (i * (i + 1));
    }
    odd *= x;
    switch (quarter & 3) {
    case 0: *sine = odd, *cosine = even; break;
    case 1: *sine = even, *cosine = -odd; break;
    case 2: *sine = -odd, *cosine = -even; break;
    default: *sine = -even, *cosine = odd; break;
    }
}
