import Foundation
import Testing

/// The help lists everything that the documentation names.
@Suite struct HelpTests {
    @Test(arguments: [
        (
            "train",
            """
            --data --epochs --max-steps --batch-size --micro-batch-size --seq-length --shuffle --no-shuffle --cell --layers \
            --embedding-dim --rnn-units --learning-rate --seed --precision --threads --members --init --checkpoint-dir \
            --checkpoint-every-steps --keep --clip-norm --verify-replicas --overwrite --resume --resume-from --stall-timeout --metrics --tensorboard --sample --quiet \
            --optimizer --beta1 --beta2 --epsilon --rho --momentum --weight-decay --clip-value --schedule --warmup-steps \
            --decay-start --decay-steps --decay-rate --final-learning-rate --dropout --recurrent-dropout \
            --scheduled-sampling --scheduled-sampling-ramp --stateful --recipe \
            --validation-split --validation-data --validate-every-steps --early-stopping --min-delta
            """
        ),
        (
            "generate",
            """
            --checkpoint --vocabulary --prompt --prompt-file --length --temperature --top-k --top-p --seed --precision --greedy \
            --samples --stop --separator --json
            """
        ),
        ("evaluate", "--checkpoint --vocabulary --data --json --carry-state --precision --best"),
        ("export", "--checkpoint --vocabulary --format --output --best --overwrite"),
        ("import", "--from --vocabulary --map --output --overwrite"),
        ("summary", "--checkpoint"),
        ("report", "--output --prompt --length --temperature --checkpoints --threads"), ("compare", "run jsonl NAME"),
        ("inspect", "--checkpoint --vocabulary --best --data --output --limit --threads"),
        (
            "scale",
            """
            --ranks --mode --repeats --steps --warm-up --output --overwrite --hostfile --mpirun --mpirun-args --data \
            --batch-size --micro-batch-size --seq-length --cell --layers --embedding-dim --rnn-units --precision --threads
            """
        ),
        ("supervise", "--restarts --backoff"),
    ])
    func fullHelpListsEveryFlag(command: String, flags: String) throws {
        let outcome = try Bench().run("\(command) --help-all")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stderr.isEmpty, "\(outcome)")
        let words = Set(outcome.stdout.split { !$0.isLetter && !$0.isNumber && $0 != "-" }.map(String.init))
        for flag in Bench.words(flags) { #expect(words.contains(flag), "\(flag): \(outcome)") }
    }

    @Test(arguments: [
        ("epochs", "20"), ("batch-size", "64"), ("seq-length", "100"), ("layers", "1"), ("embedding-dim", "256"),
        ("rnn-units", "1024"), ("learning-rate", "0.001"), ("seed", "42"), ("cell", "gru"), ("precision", "fp32"),
        ("optimizer", "adam"), ("beta1", "0.9"), ("beta2", "0.999"), ("epsilon", "1e-07"), ("rho", "0.9"),
        ("momentum", "0.0"), ("weight-decay", "0.004"), ("clip-value", "off"), ("schedule", "constant"),
        ("warmup-steps", "0"), ("decay-start", "0"), ("decay-steps", "horizon"), ("decay-rate", "0.9"),
        ("final-learning-rate", "0.0"), ("dropout", "0.0"), ("recurrent-dropout", "0.0"), ("scheduled-sampling", "0.0"),
        ("scheduled-sampling-ramp", "10.0"), ("validation-split", "none"),
        ("validation-data", "none"), ("validate-every-steps", "off"), ("early-stopping", "off"), ("min-delta", "0.0"),
        ("stall-timeout", "300"), ("checkpoint-dir", "training_checkpoints"),
    ])
    func trainHelpShowsTheDefaults(flag: String, value: String) throws {
        let help = try Bench().run("train --help-all").stdout.split { $0.isWhitespace }.joined(separator: " ")
        // The help text from this flag to the next one.
        let part = try #require(help.components(separatedBy: " --\(flag) <").dropFirst().first)
        let own = part.components(separatedBy: " --").first
        #expect(own?.contains("default: \(value))") == true, "\(part)")
    }

    @Test func shortHelpOmitsAdvancedFlags() throws {
        let short = try Bench().run("train --help")
        let full = try Bench().run("train --help-all")
        #expect(short.status == 0 && full.status == 0, "\(short) \(full)")
        for flag in ["--data", "--epochs", "--learning-rate", "--validation-split", "--resume", "--help-all"] {
            #expect(short.stdout.contains(flag), "\(flag)")
        }
        for flag in ["--beta1", "--decay-rate", "--stall-timeout", "--members"] {
            #expect(!short.stdout.contains(flag) && full.stdout.contains("\(flag) <"), "\(flag)")
        }
        // After `--`, the flag belongs to another program.
        let passed = try Bench().run("supervise -- no-such-program --help-all")
        #expect(passed.status != 0 && !passed.stdout.contains("USAGE"), "\(passed)")
    }

    @Test(arguments: [
        "train", "generate", "evaluate", "export", "import", "summary", "report", "compare", "inspect", "scale",
        "supervise",
    ])
    func helpLinesFitAndStateDefaultsOnce(command: String) throws {
        let lines = try Bench().run("\(command) --help-all").stdout.components(separatedBy: "\n")
        #expect(lines.count > 10)
        // The parser doesn't wrap the usage line.
        for line in lines where !line.hasPrefix("USAGE: ") { #expect(line.count <= 80, "\(line)") }
        for entry in lines.joined(separator: " ").components(separatedBy: " --").dropFirst() {
            #expect(entry.components(separatedBy: "(default: ").count <= 2, "\(entry)")
        }
        // Every flag and value has a description.
        #expect(!lines.contains { $0.hasSuffix(" -") || $0.contains("--as-child-of") }, "\(lines)")
    }

    /// packaging/manual.py generates the manual pages from this description.
    @Test func theDumpedHelpDescribesTheCommands() throws {
        struct Tool: Decodable {
            struct Command: Decodable {
                let commandName: String
                let subcommands: [Command]?
                let discussion: String?
            }
            let command: Command
        }
        let outcome = try Bench().run("--experimental-dump-help")
        #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
        let command = try JSONDecoder().decode(Tool.self, from: Data(outcome.stdout.utf8)).command
        #expect(command.commandName == "dtrain")
        let names = Set((command.subcommands ?? []).map(\.commandName))
        #expect(names.isSuperset(of: ["train", "generate", "supervise"]), "\(names)")
        // Indented lines are examples and are copied verbatim.
        for command in command.subcommands ?? [] {
            let examples = (command.discussion ?? "").components(separatedBy: "\n").filter { $0.hasPrefix("  ") }
            #expect(examples.allSatisfy { $0.count <= 80 }, "\(examples)")
        }
    }

    @Test func theGeneralHelpListsTheCommands() throws {
        let outcome = try Bench().run("--help")
        #expect(outcome.status == 0, "\(outcome)")
        let commands = [
            "train (default)", "generate", "evaluate", "export", "import", "summary", "report", "compare", "inspect",
            "scale",
            "supervise",
        ]
        for command in commands {
            #expect(outcome.stdout.contains("  \(command) "), "\(outcome)")
        }
        let version = try Bench().run("--version")
        let lines = /^\d+\.\d+\.\d+( \(\w+(-dirty)?\))?\n.*(MPI|MPICH).*\n\w+ instructions\n$/
        #expect(version.status == 0 && version.stdout.contains(lines), "\(version)")
    }
}
