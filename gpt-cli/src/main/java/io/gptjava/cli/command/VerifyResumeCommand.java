package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.FlagOptions;
import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.Settings;
import io.gptjava.cli.config.SettingsResolver;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.cli.run.ResumeProof;
import io.gptjava.train.config.TrainConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Proves that resuming changes nothing. */
@Command(
    name = "verify-resume",
    abbreviateSynopsis = true,
    description = {
      "Trains 2N steps at once, then N steps, a stop and N steps more, and compares the two"
          + " results bit for bit: weights, moments, state and every logged loss.",
      "Takes the flags of gpt train; --steps is N."
    },
    footer = {
      "",
      "Example",
      "  gpt verify-resume --preset textbook --data the-verdict.txt --steps 6"
    })
public final class VerifyResumeCommand implements Callable<Integer> {
  private static final int DEFAULT_STEPS = 7;

  private final CliContext context;

  @Spec private CommandSpec spec;

  @Option(names = "--config", paramLabel = "FILE", description = "YAML file with the same names.")
  private Path config;

  private VerifyResumeCommand(CliContext context) {
    this.context = context;
  }

  /** The command with a flag for every setting. */
  public static CommandSpec create(CliContext context) {
    CommandSpec spec = CommandSpec.forAnnotatedObject(new VerifyResumeCommand(context));
    FlagOptions.addTo(spec);
    return spec;
  }

  @Override
  public Integer call() {
    Layer flags = FlagOptions.layer(spec.commandLine().getParseResult());
    ResolvedSettings asked =
        SettingsResolver.resolve(flags, Optional.ofNullable(config), context.environment());
    BackendChoice.of(asked, context.environment()).check();
    int half = asked.given("steps") ? Math.max(1, asked.integer("steps")) : DEFAULT_STEPS;
    Layer whole = new Layer();
    whole.put(Settings.ALL.get("steps"), List.of(Integer.toString(2 * half)), "--steps", "flag");
    ResolvedSettings settings = SettingsResolver.change(asked, whole);
    TrainConfig train = TrainConfigs.from(settings, Models::config);
    return new ResumeProof(context, settings, train, half).run();
  }
}
