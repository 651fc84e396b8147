/// The version of dtrain, as `dtrain --version` prints it and checkpoints name it.
public let dtrainVersion = "0.1.0"
