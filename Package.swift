// swift-tools-version: 6.1
import PackageDescription

/// The pkg-config module of the MPI library; Debian's alternatives point `mpi-c` at Open MPI or MPICH.
let mpiModule = Context.environment["DTRAIN_MPI_PKGCONFIG"] ?? "mpi-c"

/// What `git describe` says of the sources, for `dtrain --version`; the Makefile asks it.
let commit = Context.environment["DTRAIN_COMMIT"] ?? ""

/// What `make docs` needs beside the package itself.
let documentation: [Package.Dependency] =
    Context.environment["DTRAIN_DOCS"] == "1"
    ? [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0")] : []

let package = Package(
    name: "dtrain",
    products: [
        .executable(name: "dtrain", targets: ["dtrain"]),
        .library(name: "DTrainCore", targets: ["DTrainCore"]),
        .library(name: "DTrainDistributed", targets: ["DTrainDistributed"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        // Without its traits, two of which need all of Foundation, a library of tens of megabytes.
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    ] + documentation,
    targets: [
        // What other people wrote, made visible to Swift.
        .systemLibrary(
            name: "CMPI", pkgConfig: mpiModule, providers: [.apt(["libopenmpi-dev", "openmpi-bin"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CProcess"),
        // The commit, in a module of its own: a new one compiles nothing else.
        .target(name: "CBuild", cSettings: [.define("DTRAIN_COMMIT", to: "\"\(commit)\"")]),
        // The vectorized loops: Swift has neither function multiversioning nor the vector instructions.
        .target(name: "CKernels"),
        // Everything that a single process needs.
        .target(
            name: "DTrainCore",
            dependencies: [
                "CKernels", "CProcess", "CXXHash", .product(name: "HeapModule", package: "swift-collections"),
            ],
            path: "Sources/Core"),
        // Ranks: the communicator, gradient synchronisation, the training loop.
        .target(
            name: "DTrainDistributed", dependencies: ["DTrainCore", "CMPI", "CProcess"], path: "Sources/Distributed"),
        // The kit that all reports are made of: HTML, charts as SVG, tables, numbers as text.
        .target(name: "Pages"),
        // Trainings and models looked at: metrics files and checkpoint folders, surprisal, memory; their pages. No MPI.
        .target(name: "Reports", dependencies: ["DTrainCore", "Pages"]),
        // Trainings as event files for TensorBoard. The Schema folder says how its Swift code is generated.
        .target(
            name: "TensorBoard",
            dependencies: [
                "DTrainCore", "DTrainDistributed", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["Schema/README.md", "Schema/event.proto"]),
        // Scaling experiments: measurements, statistics, the cost model and its predictions, the report. No MPI.
        .target(name: "Scaling", dependencies: ["DTrainCore", "Pages"]),
        // Models for other programs and from them, a file each format. The ONNX folder says how its Swift code is generated.
        .target(
            name: "Exchange",
            dependencies: ["DTrainCore", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["ONNX/README.md", "ONNX/onnx.proto"]),
        .executableTarget(
            name: "dtrain",
            dependencies: [
                "CBuild", "DTrainCore", "CProcess", "DTrainDistributed", "Exchange", "Pages", "Reports", "Scaling",
                "TensorBoard", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(name: "CoreTests", dependencies: ["DTrainCore", "CKernels", "DistributedTesting"]),
        .testTarget(name: "PagesTests", dependencies: ["Pages"]),
        .testTarget(name: "ReportsTests", dependencies: ["DTrainCore", "Pages", "Reports", "DistributedTesting"]),
        .testTarget(name: "ScalingTests", dependencies: ["DTrainCore", "Pages", "Scaling", "DistributedTesting"]),
        .testTarget(
            name: "TensorBoardTests",
            dependencies: ["DTrainCore", "DTrainDistributed", "TensorBoard", "DistributedTesting"]),
        .testTarget(name: "ExchangeTests", dependencies: ["DTrainCore", "Exchange"]),
        .testTarget(
            name: "DistributedTests", dependencies: ["DTrainCore", "DTrainDistributed", "DistributedTesting"]),
        // The built programs, alone and under mpirun; `make test` runs these one after the other.
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "DTrainCore", "DTrainDistributed", "DistributedTesting", "dtrain", "dtrain-mpi-checks",
                "dtrain-file-checks",
            ],
            resources: [.copy("Resources/golden")]),
        // For tests: checks that any communicator must pass, programs under mpirun, pages in a browser,
        // temporary folders.
        .target(name: "DistributedTesting", dependencies: ["DTrainCore", "DTrainDistributed"], path: "Tests/Support"),
        .executableTarget(
            name: "dtrain-mpi-checks", dependencies: ["DTrainCore", "DTrainDistributed", "DistributedTesting"],
            path: "Tests/MPIChecks"),
        // What a member of a team has to do, for Benchmarks/cores.py.
        .executableTarget(name: "dtrain-cores", dependencies: ["DTrainCore"], path: "Benchmarks/Cores"),
        // Every reader of files against hostile ones, in a process of its own with little memory.
        .executableTarget(
            name: "dtrain-file-checks",
            dependencies: ["DTrainCore", "DTrainDistributed", "Exchange", "Reports", "Scaling"],
            path: "Tests/FileChecks"),
    ],
    swiftLanguageModes: [.v6]
)
