import CKernels

/// Runs `body` with denormal float32 numbers taken and given as 0, and then restores the thread's setting.
///
/// Gates that saturate fill gradients with denormals, with which a CPU computes up to 30 times as slowly. Whatever reaches a weight
/// is computed so, since a sum has other bits without.
package func withFlushedDenormals<Value: ~Copyable>(_ body: () throws -> Value) rethrows -> Value {
    let control = dtrain_flush_denormals()
    defer { dtrain_set_float_control(control) }
    return try body()
}
