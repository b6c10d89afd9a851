package io.gptjava.cli.command;

import io.gptjava.benchmarks.kernels.AttentionSweep;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.cli.run.SystemMemory;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.BuildCommit;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times attention as sequences get longer. */
@Command(
    name = "attention",
    abbreviateSynopsis = true,
    description = {
      "Times attention, forward and backward, over the same number of tokens in sequences of several"
          + " lengths, and fits the time per token with a line in the length.",
      "",
      "Width, heads and dropout come from --preset (default: gpt2-124m) and the flags below."
    },
    footer = {
      "",
      "Examples",
      "  gpt bench attention",
      "  gpt bench attention --backend cuda --precision bf16 --tokens 65536"
    })
public final class BenchAttentionCommand implements Callable<Integer> {
  private static final BenchSettings SETTINGS =
      BenchSettings.of(
          "gpt2-124m",
          "preset",
          "heads",
          "width",
          "dropout",
          "seed",
          "backend",
          "device",
          "precision",
          "threads");

  private final CliContext context;

  @Spec private CommandSpec spec;

  @Mixin private KernelOptions measuring;

  @Option(
      names = "--sequence-lengths",
      paramLabel = "T",
      split = ",",
      description = "Lengths of the sequences. Default: 128,256,512,1024.")
  private List<Integer> lengths = List.of(128, 256, 512, 1024);

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens of each measurement, in sequences of the length. Default: 2048.")
  private int tokens = 2048;

  private BenchAttentionCommand(CliContext context) {
    this.context = context;
  }

  /** The command with a flag for every setting that it heeds. */
  static CommandSpec create(CliContext context) {
    return SETTINGS.addTo(new BenchAttentionCommand(context));
  }

  @Override
  public Integer call() {
    if (tokens < 1 || lengths.stream().anyMatch(length -> length < 1)) {
      throw Usage.error("--tokens and --sequence-lengths must be at least 1");
    }
    if (lengths.stream().distinct().count() < lengths.size()) {
      throw Usage.error("--sequence-lengths %s names a length twice", lengths);
    }
    ResolvedSettings settings = SETTINGS.resolve(spec, context);
    TrainConfig config = TrainConfigs.from(settings, Models::config);
    BackendChoice choice = BackendChoice.of(settings, context.environment());
    KernelBenchmark.Settings benchmark = measuring.settings(choice, config);
    AttentionSweep sweep =
        AttentionSweep.run(
            benchmark,
            lengths,
            tokens,
            each ->
                KernelBenchmark.run(
                    choice::open,
                    each,
                    SystemMemory::availableBytes,
                    GptVersion.number(),
                    BuildCommit.read()));
    if (measuring.json()) {
      context.out().println(sweep.json());
    } else {
      context.out().print(sweep.text());
    }
    return 0;
  }
}
