package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.cli.run.MemoryReport;
import io.gptjava.cli.run.RunMemory;
import io.gptjava.core.Backend;
import io.gptjava.core.Precision;
import io.gptjava.train.model.ModelSize;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Plans memory. */
@Command(
    name = "memory",
    abbreviateSynopsis = true,
    description = {
      "Counts what a training run would allocate, without allocating it: by role, by layer, and in"
          + " each precision and mode of recomputation, with the largest batch that fits.",
      "",
      "Shape and batch come from --preset (default: gpt2-124m) and the flags below. Workspaces are"
          + " those of the backend; any precision can be planned on any of them."
    },
    footer = {
      "",
      "Examples",
      "  gpt bench memory --preset gpt2-124m --batch-size 1",
      "  gpt bench memory --preset gpt2-1558m --precision bf16 --memory 80"
    })
public final class BenchMemoryCommand implements Callable<Integer> {
  /** The settings of a run that change what it allocates. */
  private static final BenchSettings SETTINGS =
      BenchSettings.of(
          "gpt2-124m",
          "preset",
          "layers",
          "heads",
          "width",
          "context-length",
          "vocab-size",
          "qkv-bias",
          "tie-embeddings",
          "batch-size",
          "sequence-length",
          "precision",
          "recompute",
          "backend",
          "device");

  private final CliContext context;

  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print one JSON object instead of tables.")
  private boolean json;

  @Option(
      names = "--memory",
      paramLabel = "GIB",
      description = "Memory to fit into. Default: what this machine or device has available.")
  private Double memory;

  private BenchMemoryCommand(CliContext context) {
    this.context = context;
  }

  /** The command with a flag for every setting that it heeds. */
  static CommandSpec create(CliContext context) {
    return SETTINGS.addTo(new BenchMemoryCommand(context));
  }

  @Override
  public Integer call() {
    if (memory != null && !(memory > 0)) {
      throw Usage.error("--memory %s must be more than 0 GiB", memory);
    }
    ResolvedSettings settings = SETTINGS.resolve(spec, context);
    ModelSize size = ModelSize.of(TrainConfigs.from(settings, Models::config));
    BackendChoice wanted = BackendChoice.of(settings, context.environment());
    BackendChoice choice =
        new BackendChoice(wanted.name(), wanted.options().withTf32(false), Precision.FP32);
    try (Backend backend = choice.open()) {
      long capacity =
          memory != null
              ? (long) (memory * (1L << 30))
              : RunMemory.available(backend).orElse(Long.MAX_VALUE);
      MemoryReport report = MemoryReport.of(backend, size, capacity);
      if (json) {
        context.out().println(report.json());
      } else {
        context.out().print(report.text());
      }
    }
    return 0;
  }
}
