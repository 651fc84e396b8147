import COneDNN

/// A oneDNN primitive with its stream, memory objects and scratchpad, for repeated execution.
///
/// Not for concurrent use: each worker makes its own. oneDNN shares the generated code among equal
/// primitives.
final class OneDNNPrimitive {
    private let primitive: dnnl_primitive_t
    private let stream: dnnl_stream_t
    private let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>
    private let scratchpad: AlignedBuffer<UInt8>

    /// Makes the primitive of a descriptor.
    ///
    /// - Parameters:
    ///   - descriptor: the primitive's descriptor; stays the caller's.
    ///   - slots: the arguments that `execute` gets pointers for, in that order, each with its
    ///     layout.
    init(_ descriptor: dnnl_primitive_desc_t, slots: [(argument: Int32, layout: MatrixDescriptor)]) throws {
        var primitive: dnnl_primitive_t?
        var stream: dnnl_stream_t?
        try OneDNN.check(dnnl_primitive_create(&primitive, descriptor), "dnnl_primitive_create")
        try OneDNN.check(
            dnnl_stream_create(&stream, OneDNN.engine(), UInt32(dnnl_stream_default_flags.rawValue)),
            "dnnl_stream_create")
        guard let primitive, let stream else {
            throw DTrainError(.internal, "oneDNN: no primitive; please report this")
        }
        self.primitive = primitive
        self.stream = stream
        let scratchpadLayout = try MatrixDescriptor.queried(descriptor, dnnl_query_scratchpad_md)
        scratchpad = try AlignedBuffer(count: scratchpadLayout.size)
        let all = slots + [(argument: DNNL_ARG_SCRATCHPAD, layout: scratchpadLayout)]
        let made = try all.map { dnnl_exec_arg_t(arg: $0.argument, memory: try $0.layout.memory()) }
        arguments = .allocate(capacity: made.count)
        _ = arguments.initialize(from: made)
        try set(slots.count, scratchpad.pointer)
    }

    deinit {
        for argument in arguments { dnnl_memory_destroy(argument.memory) }
        arguments.deallocate()
        dnnl_primitive_destroy(primitive)
        dnnl_stream_destroy(stream)
    }

    /// Points a slot at memory of its layout.
    func set(_ slot: Int, _ pointer: UnsafeRawPointer) throws {
        try OneDNN.check(
            dnnl_memory_set_data_handle(arguments[slot].memory, UnsafeMutableRawPointer(mutating: pointer)),
            "dnnl_memory_set_data_handle")
    }

    /// Runs the primitive on the memory that the slots point at.
    func execute() throws {
        try OneDNN.check(
            dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments.baseAddress),
            "dnnl_primitive_execute")
        try OneDNN.check(dnnl_stream_wait(stream), "dnnl_stream_wait")
    }
}
