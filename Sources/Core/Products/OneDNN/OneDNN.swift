import COneDNN

/// The process's oneDNN engine and the check that every call of the library goes through.
///
/// oneDNN is kept to one thread in each thread that calls it: dtrain's workers split the batch, not
/// the matrices.
enum OneDNN {
    /// The CPU engine; oneDNN's engines may be used from any thread.
    private static let sharedEngine: Result<Handle, DTrainError> = Result {
        var engine: dnnl_engine_t?
        try check(dnnl_engine_create(&engine, dnnl_cpu, 0), "dnnl_engine_create")
        guard let engine else { throw DTrainError(.internal, "oneDNN: no CPU engine; please report this") }
        return Handle(pointer: engine)
    }.mapError { $0 as? DTrainError ?? DTrainError(.internal, "\($0)") }

    private struct Handle: @unchecked Sendable {
        let pointer: dnnl_engine_t
    }

    static func engine() throws -> dnnl_engine_t {
        try sharedEngine.get().pointer
    }

    /// Keeps oneDNN to one thread when it is called from the current thread.
    static func useOneThread() {
        omp_set_num_threads(1)
    }

    /// Turns a failed status into an error that names the call.
    static func check(_ status: dnnl_status_t, _ operation: StaticString) throws {
        guard status != dnnl_out_of_memory else {
            throw DTrainError(
                .internal,
                "out of memory: no room for what \(operation) needs; use a smaller model, batch or sequence length")
        }
        guard status == dnnl_success else {
            throw DTrainError(
                .internal, "oneDNN: \(operation) failed with status \(status.rawValue); please report this")
        }
    }
}

/// A oneDNN memory descriptor of a matrix.
final class MatrixDescriptor {
    private(set) var md: dtrain_md

    private init(_ make: (inout dtrain_md) throws -> Void) throws {
        md = dtrain_md()
        try make(&md)
    }

    deinit { dtrain_md_destroy(&md) }

    /// A plain float32 matrix.
    static func plain(rows: Int, columns: Int, _ layout: PlainProduct.Layout) throws -> MatrixDescriptor {
        let (rowStride, columnStride) =
            switch layout {
            case .rows(let stride): (stride, 1)
            case .columns(let stride): (1, stride)
            }
        return try MatrixDescriptor {
            try OneDNN.check(
                dtrain_md_strided(
                    &$0, dnnl_f32, dnnl_dim_t(rows), dnnl_dim_t(columns), dnnl_dim_t(rowStride),
                    dnnl_dim_t(columnStride)),
                "dnnl_memory_desc (strides)")
        }
    }

    /// A matrix whose layout is left to the product.
    static func any(rows: Int, columns: Int) throws -> MatrixDescriptor {
        try MatrixDescriptor {
            try OneDNN.check(
                dtrain_md_any(&$0, dnnl_f32, dnnl_dim_t(rows), dnnl_dim_t(columns)), "dnnl_memory_desc (any)")
        }
    }

    /// The descriptor that a primitive has settled on.
    static func queried(_ descriptor: dnnl_primitive_desc_t, _ what: dnnl_query_t) throws -> MatrixDescriptor {
        try MatrixDescriptor {
            try OneDNN.check(dtrain_queried_md(&$0, descriptor, what), "dnnl_primitive_desc_query_md")
        }
    }

    /// Bytes that a matrix of this layout takes.
    var size: Int { dtrain_md_size(&md) }

    /// A memory object of this layout without memory behind it yet.
    func memory() throws -> dnnl_memory_t {
        var memory: dnnl_memory_t?
        try OneDNN.check(dtrain_memory(&memory, &md, OneDNN.engine()), "dnnl_memory_create")
        guard let memory else { throw DTrainError(.internal, "oneDNN: no memory object; please report this") }
        return memory
    }
}

extension WorkerPool {
    /// Starts workers that compute products, each of which keeps oneDNN to one thread.
    convenience init(forProducts count: Int) throws {
        try self.init(count: count, preparing: OneDNN.useOneThread)
    }
}
