// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "Curriculum",
    dependencies: [
        // By name, whatever the checkout's folder is called.
        .package(name: "dtrain", path: "../.."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        .executableTarget(
            name: "curriculum",
            dependencies: [
                .product(name: "DTrainCore", package: "dtrain"),
                .product(name: "DTrainDistributed", package: "dtrain"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
