import DTrainCore
import Testing

@testable import dtrain

/// Command-line parsing: suggestions for mistyped words, repeated options, values that start with a
/// dash.
@Suite struct ArgumentTests {
    /// The error for a command line; nil for a valid one.
    private func usageError(_ line: String) throws -> String? {
        do {
            _ = try DTrain.checked(Bench.words(line))
            return nil
        } catch let error as DTrainError {
            #expect(error.category == .usage)
            return error.description
        }
    }

    private static let flags: [CommandFlags] = DTrain.configuration.subcommands.compactMap { try? CommandFlags(of: $0) }

    @Test(arguments: [
        ("--lr 0.1", "'--learning-rate'"), ("--batch 4", "'--batch-size'"), ("--batch_size=4", "'--batch-size'"),
        ("train --hidden-size 8", "'--rnn-units'"), ("--units 8", "'--rnn-units'"), ("--num-layers 8", "'--layers'"),
        ("--embedding_size 8", "'--embedding-dim'"), ("--bptt 8", "'--seq-length'"), ("--steps 8", "'--max-steps'"),
        ("-epochs 8", "'--epochs'"), ("--Epochs 8", "'--epochs'"), ("--epcohs 8", "'--epochs'"),
        ("--shufle", "'--shuffle'"), ("--checkpoint x", "'--checkpoint-dir'"), ("--micro 8", "'--micro-batch-size'"),
        ("generate --model x", "'--checkpoint'"), ("generate --start_string x", "'--prompt'"),
        ("generate --num_samples 2", "'--samples'"), ("generate --k 2", "'--top-k'"),
        ("generate --nucleus 0.5", "'--top-p'"), ("generate -f x", "'--prompt-file'"),
        ("scale --np 2", "'--ranks'"), ("scale -- --lr 2", "'--learning-rate'"), ("trian", "'dtrain train'"),
        ("gen", "'dtrain generate'"), ("sample", "'dtrain generate'"), ("exprot --output x", "'dtrain export'"),
    ])
    func suggestsTheIntendedFlagOrCommand(line: String, meant: String) throws {
        let message = try #require(try usageError(line))
        #expect(message.contains(": did you mean \(meant); see 'dtrain "), "\(message)")
    }

    @Test(arguments: [
        ("scale --learning-rate 1", "write it after '--', as in 'dtrain scale … -- --learning-rate …'"),
        ("scale --lr 1", "write it after '--', as in 'dtrain scale … -- --learning-rate …'"),
        ("scale --epochs 1", "sets itself: leave it out"), ("scale --rnn-units 8 -- --rnn-units 9", "is given twice"),
        ("supervise --lr 1", "as in 'dtrain supervise … -- dtrain train --learning-rate …'"),
        ("supervise mpirun -np 2", "as in 'dtrain supervise -- mpirun …'"),
        ("generate --epochs 1", "is a flag of 'dtrain train', not of 'dtrain generate'"),
        ("--np 4", "the launcher sets the number of ranks"), ("--gpus 4", "runs on CPUs only"),
        ("--epochs 1 generate", "as in 'dtrain generate …'"), ("Package.swift", "write --data 'Package.swift'"),
        ("--shuffle false", "write --shuffle or --no-shuffle alone"), ("--quiet=true", "write --quiet alone"),
        ("generate --prompt two words", "put quotes around a value with spaces"),
        ("nonsense", "the commands are train, "),
        ("--data", "write --data <"), ("--data --quiet", "no value before --quiet"),
        ("--data --x", "write '--data=--x'"),
        ("import --from keras a b", "'b': import takes 1 argument besides its flags"),
        ("import a --output b c", "'c' after --output"), ("scale 1,2", "scale takes only flags"),
        ("--lr-of-another-program 1", "unknown flag '--lr-of-another-program'; see"),
    ])
    func errorsExplainTheCorrectUsage(line: String, advice: String) throws {
        let message = try #require(try usageError(line))
        #expect(message.contains(advice), "\(message)")
    }

    @Test func suggestedFlagsExist() {
        #expect(Self.flags.count >= 8)
        let real = Set(Self.flags.flatMap(\.names))
        for flag in ForeignFlags.all { #expect(real.contains(flag)) }
    }

    @Test func onlyListFlagsCanBeRepeated() throws {
        for command in Self.flags {
            for name in command.names where name != "--help" {
                let flag = try #require(command[name])
                let once = [name] + (flag.values == .none ? [] : ["1"])
                var walk = ArgumentWalk(flags: command, others: [], passing: .none)
                if flag.isRepeatable {
                    #expect(try walk.checked(once + once) == once + once)
                } else {
                    let error = #expect(throws: DTrainError.self) { try walk.checked(once + once) }
                    #expect(error?.message.contains("\(name) is given twice") == true)
                }
            }
        }
        #expect(Self.flags.first { $0.command == "generate" }?["--prompt"]?.isRepeatable == true)
        #expect(
            try usageError("--no-shuffle --shuffle")?.contains("--no-shuffle and --shuffle exclude each other") == true)
        #expect(try usageError("--epochs 3 --epochs=3") != nil)
    }

    /// Each command has its own positional arguments.
    @Test func positionalArgumentsAreCountedPerCommand() throws {
        let flags = try CommandFlags(of: Import.self)
        var walk = ArgumentWalk(flags: flags, others: [], passing: .none)
        #expect(try walk.checked(["a"]) == ["a"])
        #expect(throws: DTrainError.self) { try walk.checked(["b"]) }
        walk.switchCommand(to: flags)
        #expect(try walk.checked(["b"]) == ["b"])
    }

    @Test func validCommandLinesAreUnchanged() throws {
        for line in [
            "", "--epochs 3", "train --data - --no-shuffle", "--data=a b --data c --quiet",
            "generate --prompt a --prompt b", "--help --lr",
            "help train",
            "evaluate --checkpoint c --unknown -h", "supervise --restarts 2 -- sh -c x --epochs 1 --epochs 2",
            "scale --mpirun-args --oversubscribe -- --learning-rate 0.1 --stall-timeout 9",
        ] { #expect(try DTrain.checked(Bench.words(line)) == Bench.words(line)) }
    }

    @Test(arguments: [
        ("--seed -1", "--seed=-1"), ("generate --prompt -x --greedy", "generate --prompt=-x --greedy"),
        ("scale --output -o -- --seed 2", "scale --output=-o -- --seed 2"),
        ("--data -a b --quiet", "--data=-a b --quiet"),
    ])
    func aValueWithALeadingDashIsJoinedToItsFlag(line: String, joined: String) throws {
        #expect(try DTrain.checked(Bench.words(line)) == Bench.words(joined))
    }

    @Test func aPromptMayBeginWithADash() throws {
        let bench = try Bench()
        try bench.write("-x-- \(Bench.text)", to: "text.txt")
        try bench.train("--max-steps 1")
        for words in [["--prompt", "-x"], ["--prompt=--x"]] {
            let outcome = try bench.run("generate --checkpoint training_checkpoints --length 3", words)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.stdout.hasPrefix(words.last?.split(separator: "=").last ?? "?"), "\(outcome)")
        }
    }

    /// The error for a negative number gives the valid range, not a missing value.
    @Test(arguments: [("--learning-rate -1", "give a number from"), ("--epochs -1", "give a whole number from 1")])
    func theErrorForANegativeNumberGivesTheRange(flags: String, range: String) throws {
        expectRejected(try Bench().tryToTrain(flags), 64, "'-1'", range)
    }

    /// Follows each suggestion until the command is valid.
    @Test func followingTheSuggestionsGivesAValidCommand() throws {
        let bench = try Bench()
        var line =
            "trian --input text.txt --hidden_size 16 --emsize 8 --bptt 10 --batch 8 --microbatch-size 2 --n-epochs 1 --lr 0.01"
        for _ in 0..<12 {
            let outcome = try bench.run(line)
            if outcome.status == 0 { break }
            let answer = try #require(
                try /unknown (?:flag|command) '(.+)': did you mean '(?:dtrain )?([^']+)'/.firstMatch(
                    in: outcome.stderr),
                "\(line): \(outcome)")
            line = Bench.words(line).map { $0 == answer.1 ? String(answer.2) : $0 }.joined(separator: " ")
        }
        #expect(bench.exists("training_checkpoints/ckpt_1.safetensors"), "\(line)")
    }
}
