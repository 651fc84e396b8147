/// Names that other programs use for dtrain's flags: PyTorch and Keras scripts, char-rnn, Hugging
/// Face, launchers.
enum ForeignFlags {
    /// dtrain's flags for another program's name, the likeliest first.
    ///
    /// A command may lack some of them.
    static func flags(for name: String) -> [String] {
        byName[squeezed(name), default: []].map { "--\($0)" }
    }

    /// The name in lower case without dashes and underscores, which makes `--batchSize` and
    /// `batch_size` equal.
    static func squeezed(_ name: String) -> String {
        String(name.lowercased().filter { $0 != "-" && $0 != "_" })
    }

    /// All flags of dtrain in the table.
    static var all: [String] { table.map { "--\($0.flag)" } }

    /// Each flag with its other names.
    private static let table: [(flag: String, names: String)] = [
        ("learning-rate", "lr eta alpha step-size base-lr init-lr"),
        ("batch-size", "bs bsz minibatch minibatch-size train-batch-size global-batch-size"),
        ("micro-batch-size", "gradient-accumulation-steps accumulation-steps grad-accum"),
        (
            "rnn-units",
            """
            hidden hidden-size hidden-dim hidden-units hidden-layer-size n-hidden nhid num-hidden units num-units rnn-size \
            rnn-hidden-size gru-units lstm-units lstm-size state-size width neurons
            """
        ),
        (
            "embedding-dim",
            "embedding embedding-size embed embed-dim embed-size emb-dim emb-size emsize input-encoding-size"
        ),
        ("layers", "num-layers n-layers nlayers rnn-layers depth"),
        ("cell", "rnn rnn-type rnn-cell cell-type model model-type arch unit-type"),
        ("epochs", "epoch n-epochs num-epochs max-epochs num-train-epochs nb-epoch"),
        ("max-steps", "steps iters iterations max-iters max-iter num-iterations num-steps n-steps total-steps"),
        ("steps", "iters iterations num-steps n-steps max-steps"),
        (
            "seq-length",
            "seq-len seq sequence sequence-length bptt block-size context context-length max-seq-length timesteps maxlen"
        ),
        (
            "clip-norm",
            "clip clipping grad-clip gradient-clip max-grad-norm grad-norm global-clipnorm gradient-clip-val"
        ),
        ("clip-value", "clipvalue grad-clip-value gradient-clip-value"),
        ("optimizer", "optim opt optimiser"), ("momentum", "mom mu sgd-momentum"), ("rho", "rmsprop-rho"),
        ("beta1", "beta-1 adam-beta1 b1"), ("beta2", "beta-2 adam-beta2 b2"), ("epsilon", "eps adam-epsilon adam-eps"),
        ("weight-decay", "wd decay l2"),
        ("schedule", "scheduler lr-scheduler lr-schedule lr-scheduler-type lr-decay-style"),
        ("warmup-steps", "warmup warm-up num-warmup-steps warm-up-steps warmup-iters lr-warmup-steps lr-warmup-iters"),
        ("decay-steps", "lr-decay-steps lr-decay-iters"), ("decay-rate", "gamma lr-decay learning-rate-decay"),
        ("final-learning-rate", "min-lr min-learning-rate end-lr eta-min final-lr"),
        ("dropout", "drop dropout-rate dropout-prob"),
        ("validation-split", "val-split val-frac val-fraction validation-fraction val-ratio"),
        ("validation-data", "val-data val-file valid-data validation-file valid-file eval-data dev-data"),
        ("validate-every-steps", "eval-every eval-interval eval-steps val-interval eval-val-every val-check-interval"),
        ("early-stopping", "patience early-stop early-stopping-patience"), ("min-delta", "early-stopping-min-delta"),
        ("seed", "random-seed manual-seed random-state rng-seed"),
        ("precision", "dtype fp16 fp32 bf16 amp half mixed-precision"),
        ("threads", "num-threads n-threads workers num-workers jobs j cpus cores"),
        (
            "data",
            "text input input-file input-txt file corpus dataset train-data train-file data-file data-path data-dir"
        ),
        (
            "checkpoint-dir",
            "checkpoint ckpt ckpt-dir checkpoints output out out-dir output-dir save save-dir model-dir save-path checkpoint-path"
        ),
        (
            "checkpoint-every-steps",
            "save-every save-steps save-interval save-freq checkpoint-every checkpoint-interval"
        ),
        ("keep", "max-to-keep keep-last save-total-limit save-top-k"),
        ("init", "weights load load-weights init-from init-weights pretrained initial-weights from-pretrained"),
        ("resume", "continue restore restart resume-training auto-resume"),
        ("resume-from", "resume-from-checkpoint resume-checkpoint restore-from load-checkpoint"),
        ("overwrite", "force f overwrite-output-dir"),
        ("metrics", "log log-file logfile log-path history csv"),
        ("tensorboard", "tb log-dir logging-dir tensorboard-dir tensorboard-log-dir tb-log-dir summary-dir"),
        ("quiet", "silent q no-progress no-bar"),
        ("allreduce", "all-reduce reduction"),
        ("prompt", "start start-string start-text prime primetext prime-str seed-text text p"),
        ("length", "n num-generate num-chars n-chars max-new-tokens max-tokens max-length predict-len"),
        ("temperature", "temp t"),
        ("top-k", "k"), ("top-p", "nucleus nucleus-p"), ("greedy", "argmax no-sample"),
        ("samples", "num-samples n-samples num-return-sequences best-of"),
        ("prompt-file", "file f input-file start-file"),
        ("stop", "stop-string stop-strings stop-sequence stop-sequences reverse-prompt"),
        ("checkpoint", "ckpt model m weights load model-path model-dir checkpoint-dir checkpoint-path init"),
        ("output", "o out out-dir output-dir output-file destination"),
        ("format", "to target target-format output-format framework type"),
        ("from", "source source-format input-format framework format"),
        ("map", "rename key-map keys names mapping"),
        ("ranks", "np n nproc num-ranks processes world-size"),
        ("repeats", "repeat runs trials"),
        ("warm-up", "warmup warmup-steps"),
        ("hostfile", "hosts machinefile machine-file host"),
        ("restarts", "max-restarts retries max-retries"),
        ("vocabulary-size", "vocab vocab-size vocabulary n-vocab"),
    ]

    private static let byName: [String: [String]] = {
        var result: [String: [String]] = [:]
        for (flag, names) in table {
            for name in names.split(separator: " ") { result[squeezed(String(name)), default: []].append(flag) }
        }
        return result
    }()
}
