import Testing

@testable import DTrainCore

/// Named sets of settings, and their overrides.
@Suite struct RecipeTests {
    private func settings(_ recipe: Recipe, _ change: (inout Settings) -> Void = { _ in }) throws -> Settings {
        var given = Settings()
        change(&given)
        let settings = recipe.settings(with: given)
        try settings.requireValid(given: settings)
        return settings
    }

    @Test func theTutorialRecipeEqualsTheDefaults() throws {
        let (recipe, defaults) = (try settings(.tutorial), Settings())
        for setting in Settings.modelSizes + Settings.training {
            #expect(setting.text(in: recipe) == setting.text(in: defaults), "\(setting.name)")
        }
    }

    /// The rate decays by 3 % after the tenth epoch and after each later one.
    @Test func charRNNDecaysItsRateAfterTheTenthEpoch() throws {
        let settings = try settings(.charRNN)
        let schedule = settings.schedule(stepsPerEpoch: 10, horizon: 500)
        for (step, exponent) in [(0, 0), (99, 0), (100, 1), (109, 1), (110, 2), (499, 40)] {
            let expected = (0..<exponent).reduce(0.002) { rate, _ in rate * 0.97 }
            #expect(abs(schedule.rate(step: step) - expected) < 1e-12, "\(step)")
        }
    }

    @Test(arguments: Recipe.allCases)
    func recipeSettingsCanBeOverridden(recipe: Recipe) throws {
        #expect(try settings(recipe) { $0[.rnnUnits] = 7 }[.rnnUnits] == 7)
        #expect(try settings(recipe) { $0[.optimizer] = .sgd }[.optimizer] == .sgd)
        #expect(try settings(recipe) { $0[.optimizer] = .adam }[.epsilon] == 1e-7)
        #expect(try settings(recipe) { $0[.schedule] = .constant }[.schedule] == .constant)
        #expect(try settings(recipe) { $0[.schedule] = .cosine }[.decaySteps] == nil)
        #expect(try settings(recipe) { $0[.clipNorm] = 1 }[.clipValue] == nil)
        #expect(try settings(recipe) { $0[.clipValue] = 1 }[.clipNorm] == nil)
        #expect(try settings(recipe) { $0[.validationData] = "held.txt" }[.validationSplit] == nil)
        #expect(try !settings(recipe) { $0[.shuffle] = true }[.stateful])
        #expect(try !settings(recipe) { $0[.scheduledSampling] = 0.5 }[.stateful])
    }

    @Test func theSummaryListsTheSettings() {
        #expect(Recipe.charRNN.summary.hasPrefix("cell lstm, layers 2, embedding-dim 128, rnn-units 128, "))
        #expect(Recipe.charRNN.summary.contains(", stateful, ") && Recipe.charRNN.summary.contains("decay-start 9"))
    }
}
