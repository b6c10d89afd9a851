package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.FlagOptions;
import io.gptjava.cli.config.Presets;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.SettingsResolver;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.cli.run.RunPaths;
import io.gptjava.cli.run.TrainingSession;
import io.gptjava.train.config.TrainConfig;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains a model. */
@Command(
    name = "train",
    abbreviateSynopsis = true,
    description = {
      "Trains from scratch, from given weights, or, without arguments, on a bundled story.",
      "",
      "Values come from the preset, then --config, then environment variables (GPT_BATCH_SIZE for"
          + " --batch-size), then flags; the later wins."
    },
    footer = {
      "",
      "Examples",
      "  gpt train",
      "  gpt train --data my-book.txt --steps 500",
      "  gpt train --preset textbook --data the-verdict.txt",
      "  gpt train --preset gpt2-124m --data corpus/*.bin --dry-run"
    })
public final class TrainCommand implements Callable<Integer> {
  private final CliContext context;

  @Spec private CommandSpec spec;

  @Option(names = "--config", paramLabel = "FILE", description = "YAML file with the same names.")
  private Path config;

  @Option(
      names = "--list-presets",
      description = "Print every preset's values in the form of config files, and exit.")
  private boolean listPresets;

  @Option(
      names = "--dry-run",
      description = "Print the resolved configuration and the memory it needs, and exit.")
  private boolean dryRun;

  private TrainCommand(CliContext context) {
    this.context = context;
  }

  /** The command with a flag for every setting. */
  public static CommandSpec create(CliContext context) {
    CommandSpec spec = CommandSpec.forAnnotatedObject(new TrainCommand(context));
    FlagOptions.addTo(spec);
    return spec;
  }

  @Override
  public Integer call() {
    if (listPresets) {
      context.out().print(Presets.list());
      return 0;
    }
    ResolvedSettings settings =
        SettingsResolver.resolve(
            FlagOptions.layer(spec.commandLine().getParseResult()),
            Optional.ofNullable(config),
            context.environment());
    BackendChoice.of(settings, context.environment()).check();
    TrainConfig train = TrainConfigs.from(settings, Models::config);
    TrainingSession session = new TrainingSession(context, settings, train);
    if (dryRun) {
      return session.dryRun();
    }
    return session.train(
        RunPaths.choose(settings.path("out"), LocalDate.now(ZoneId.systemDefault()), train.name()));
  }
}
