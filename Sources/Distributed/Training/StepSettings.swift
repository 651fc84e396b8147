import DTrainCore

/// The settings that every step needs, looked up once.
struct StepSettings {
    let epochs: Int
    let maxSteps: Int?
    let schedule: LearningRateSchedule
    let (clipNorm, clipValue): (Double?, Double?)
    let profile: Bool
    let checkpointEverySteps: Int?
    let verifyReplicas: Int?
    let validateEverySteps: Int?
    let earlyStopping: Int?
    let minDelta: Double
    let dropout: Dropout

    init(_ plan: TrainingPlan) {
        let options = plan.options
        (epochs, maxSteps) = (options[.epochs], options[.maxSteps])
        schedule = plan.schedule
        (clipNorm, clipValue) = (options[.clipNorm], options[.clipValue])
        profile = options[.profile]
        (checkpointEverySteps, verifyReplicas) = (options[.checkpointEverySteps], options[.verifyReplicas])
        (validateEverySteps, earlyStopping) = (options[.validateEverySteps], options[.earlyStopping])
        minDelta = options[.minDelta]
        dropout = Dropout(inputs: options[.dropout], recurrent: options[.recurrentDropout])
    }
}
