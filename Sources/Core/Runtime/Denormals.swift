import CKernels

/// Runs `body` with denormal float32 operands and results treated as 0, then restores the thread's
/// setting.
///
/// Saturated gates fill gradients with denormals, which slow a CPU down up to 30 times. Everything
/// that reaches a weight must be computed in this mode, since other modes give other bits.
package func withFlushedDenormals<Value: ~Copyable>(_ body: () throws -> Value) rethrows -> Value {
    let control = dtrain_flush_denormals()
    defer { dtrain_set_float_control(control) }
    return try body()
}
