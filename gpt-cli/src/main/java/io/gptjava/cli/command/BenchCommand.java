package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Holds the benchmarks. */
@Command(
    name = "bench",
    description = "Measures speed on this machine and compares it with what the machine allows.",
    footer = {
      "",
      "Examples",
      "  gpt bench train --preset textbook",
      "  gpt bench kernels --preset textbook --backend cpu",
      "  gpt bench attention --backend cpu",
      "  gpt bench memory --preset gpt2-355m --batch-size 4",
      "  gpt bench matmul"
    })
public final class BenchCommand implements Runnable {
  @Spec private CommandSpec spec;

  private BenchCommand() {}

  /** The command with its subcommands. */
  public static CommandLine create(CliContext context) {
    return new CommandLine(new BenchCommand())
        .addSubcommand("train", BenchTrainCommand.create(context))
        .addSubcommand("kernels", BenchKernelsCommand.create(context))
        .addSubcommand("attention", BenchAttentionCommand.create(context))
        .addSubcommand("memory", BenchMemoryCommand.create(context))
        .addSubcommand("matmul", new BenchMatmulCommand(context))
        .addSubcommand("summary", new BenchSummaryCommand(context));
  }

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "Missing benchmark: gpt bench train times training steps, gpt bench kernels single ops, gpt"
            + " bench attention attention by sequence length, gpt bench memory plans without"
            + " running, gpt bench matmul the CPU's matrix products, gpt bench summary sums up what was"
            + " recorded");
  }
}
