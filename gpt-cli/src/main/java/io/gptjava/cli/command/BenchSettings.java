package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.FlagOptions;
import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.Setting;
import io.gptjava.cli.config.Settings;
import io.gptjava.cli.config.SettingsResolver;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The settings of a training run that a benchmark heeds.
 *
 * @param all in the order of their flags
 * @param defaultPreset where none is given
 */
record BenchSettings(List<Setting> all, String defaultPreset) {
  /** Names the settings. */
  static BenchSettings of(String defaultPreset, String... names) {
    return new BenchSettings(Stream.of(names).map(Settings.ALL::get).toList(), defaultPreset);
  }

  /** The same where one setting takes several of its choices, separated by commas. */
  BenchSettings withSeveral(String key) {
    return new BenchSettings(
        all.stream().map(each -> each.key().equals(key) ? each.several() : each).toList(),
        defaultPreset);
  }

  /** The command with a flag for each of them. */
  CommandSpec addTo(Object command) {
    CommandSpec spec = CommandSpec.forAnnotatedObject(command);
    FlagOptions.addTo(spec, all);
    return spec;
  }

  /**
   * What the command line, the environment and the preset say. A preset's large batch of many
   * micro-batches counts as one of them, which is what a benchmark computes.
   */
  ResolvedSettings resolve(CommandSpec spec, CliContext context) {
    Layer flags = FlagOptions.layer(spec.commandLine().getParseResult(), all);
    ResolvedSettings settings =
        SettingsResolver.resolve(flags, Optional.empty(), context.environment());
    if (!settings.given("preset")) {
      flags.put(Settings.ALL.get("preset"), List.of(defaultPreset), "--preset", "default");
      settings = SettingsResolver.resolve(flags, Optional.empty(), context.environment());
    }
    Layer oneMicroBatch = new Layer();
    oneMicroBatch.put(Settings.ALL.get("accumulate"), List.of("1"), "--accumulate", "default");
    settings = SettingsResolver.change(settings, oneMicroBatch);
    return settings;
  }
}
