package io.gptjava.cli.command;

import io.gptjava.benchmarks.MatmulRoutes;
import io.gptjava.benchmarks.TrainBenchmark;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cpu.onednn.OneDnnSupport;
import io.gptjava.train.run.Environment;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Times the CPU's ways to multiply matrices. */
@Command(
    name = "matmul",
    description = {
      "Times the matrix products of the textbook's training step on the CPU, by each route in turn:"
          + " fp32 by this program's own product, fp32 and bf16 by oneDNN. Medians.",
    },
    footer = {"", "Example", "  gpt bench matmul --rounds 9"})
public final class BenchMatmulCommand implements Callable<Integer> {
  private final CliContext context;

  @Option(names = "--rows", paramLabel = "N", description = "Tokens of a step. Default: 512.")
  private int rows = 512;

  @Option(names = "--rounds", paramLabel = "N", description = "Samples a product. Default: 7.")
  private int rounds = 7;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of each route. Default: one per processor.")
  private int threads;

  /** The command. */
  BenchMatmulCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    if (rows < 1 || rounds < 1 || threads < 0) {
      throw Usage.error("--rows and --rounds must be at least 1, --threads at least 0");
    }
    int workers = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    OneDnnSupport support = OneDnnSupport.look(BackendChoice.hints(context.environment()).cache());
    Environment environment = Environment.current(GptVersion.number(), Optional.empty(), "");
    context
        .out()
        .printf(
            "%s; %d threads; %s; oneDNN %s%n",
            environment.processor().orElse(environment.system()),
            workers,
            environment.jdk(),
            support
                .api()
                .map(api -> api.version())
                .orElseGet(() -> "missing: " + String.join("; ", support.reasons())));
    try (MatmulRoutes routes =
        new MatmulRoutes(
            TrainBenchmark.Settings.textbook().model(), rows, workers, support.api())) {
      context.out().print(MatmulRoutes.text(routes.run(rounds)));
    }
    return 0;
  }
}
