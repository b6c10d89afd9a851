package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.Setting;
import io.gptjava.cli.config.Settings;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.cli.run.RunSettings;
import io.gptjava.cli.run.TrainingSession;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.RunFolder;
import io.gptjava.train.run.RunState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Continues a run. */
@Command(
    name = "resume",
    description = {
      "Continues a run exactly where it stopped: the result is bit for bit that of a run that was"
          + " never interrupted."
    },
    footer = {"", "Example", "  gpt resume runs/2026-01-31-story"})
public final class ResumeCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(paramLabel = "RUN", description = "Folder of the run.")
  private Path run;

  @Option(
      names = "--from",
      paramLabel = "STEP",
      description = "Continue from this checkpoint rather than the newest; later ones go.")
  private Long from;

  @Option(names = "--threads", paramLabel = "N", description = "Threads of the CPU backend.")
  private String threads;

  @Option(names = "--backend", paramLabel = "NAME", description = "Another backend.")
  private String backend;

  @Option(
      names = "--recompute",
      paramLabel = "none|gelu|block",
      description = "Another amount of recomputation; changes memory and time, not the result.")
  private String recompute;

  @Option(names = "--watch", paramLabel = "PORT", description = "Port of a live page. 0: none.")
  private String watch;

  @Option(names = "--log-style", paramLabel = "NAME", description = "Form of the console lines.")
  private String logStyle;

  @Option(names = "--quiet", description = "Print only warnings and errors.")
  private boolean quiet;

  @Option(names = "--json", description = "Print events as JSON lines.")
  private boolean json;

  /** The command. */
  public ResumeCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    if (!Models.isRun(run)) {
      throw new GptException(
          Failure.CHECKPOINT,
          Files.exists(run)
              ? run + " is not a run: it has no checkpoints folder"
              : run + " does not exist; runs are below the folder runs");
    }
    Optional<RunState> state = RunState.read(run);
    if (state.isPresent() && state.get().finished() && isAtEnd(state.get())) {
      context.out().println(finished(state.get()));
      return 0;
    }
    ResolvedSettings settings =
        RunSettings.read(run.resolve("config.json"), RunFolder.readConfig(run), changes());
    BackendChoice.of(settings, context.environment()).check();
    TrainConfig config = TrainConfigs.from(settings, Models::config);
    OptionalLong step = from == null ? OptionalLong.empty() : OptionalLong.of(from);
    return new TrainingSession(context, settings, config).resume(run, step);
  }

  private boolean isAtEnd(RunState state) {
    return from == null || state.lastCheckpoint().equals(OptionalLong.of(from));
  }

  private String finished(RunState state) {
    long steps = state.lastCheckpoint().orElse(state.totalSteps());
    return steps == state.totalSteps()
        ? "%s is finished (%d steps); nothing to do".formatted(run, steps)
        : "%s stopped by itself after %d of %d steps: %s; nothing to do"
            .formatted(run, steps, state.totalSteps(), state.status());
  }

  private Layer changes() {
    Layer layer = new Layer();
    put(layer, "threads", threads);
    put(layer, "backend", backend);
    put(layer, "recompute", recompute);
    put(layer, "watch", watch);
    put(layer, "log-style", logStyle);
    put(layer, "quiet", Boolean.toString(quiet));
    put(layer, "json", Boolean.toString(json));
    return layer;
  }

  private static void put(Layer layer, String key, String value) {
    if (value != null) {
      Setting setting = Settings.ALL.get(key);
      layer.put(setting, List.of(value), setting.flag(), "flag");
    }
  }
}
