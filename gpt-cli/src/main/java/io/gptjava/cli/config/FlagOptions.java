package io.gptjava.cli.config;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** The flags of the settings table as picocli options. */
public final class FlagOptions {
  private FlagOptions() {}

  /** Adds a flag for each setting, under the headings of its group. */
  public static void addTo(CommandSpec spec) {
    addTo(spec, Settings.withFlags());
  }

  /** Adds a flag for some settings, under the headings of their groups. */
  public static void addTo(CommandSpec spec, List<Setting> chosen) {
    for (Setting.Group group : Setting.Group.values()) {
      List<Setting> settings = chosen.stream().filter(setting -> setting.group() == group).toList();
      if (settings.isEmpty()) {
        continue;
      }
      ArgGroupSpec.Builder options =
          ArgGroupSpec.builder()
              .heading("%n" + group.heading() + "%n")
              .validate(false)
              .exclusive(false)
              .order(group.ordinal());
      int order = 0;
      for (Setting setting : settings) {
        options.addArg(option(setting, order++));
      }
      spec.addArgGroup(options.build());
    }
  }

  private static OptionSpec option(Setting setting, int order) {
    OptionSpec.Builder option =
        OptionSpec.builder(setting.flag()).order(order).description(setting.description());
    return switch (setting.type()) {
      case FLAG -> option.type(Boolean.class).arity("0").negatable(negatable(setting)).build();
      case PATHS ->
          option
              .type(String[].class)
              .arity("1..*")
              .parameterConsumer(new PathParameters())
              .paramLabel(setting.placeholder())
              .hideParamSyntax(false)
              .build();
      default ->
          option
              .type(String.class)
              .arity("1")
              .paramLabel(setting.placeholder())
              .completionCandidates(setting.choices())
              .build();
    };
  }

  /** Whether a preset may have switched it on. */
  private static boolean negatable(Setting setting) {
    return switch (setting.group()) {
      case DATA, MODEL, OPTIMIZER -> true;
      default -> false;
    };
  }

  /** What the command line gave. */
  public static Layer layer(ParseResult parsed) {
    return layer(parsed, Settings.withFlags());
  }

  /** What the command line gave of some settings. */
  public static Layer layer(ParseResult parsed, List<Setting> chosen) {
    Layer layer = new Layer();
    for (Setting setting : chosen) {
      OptionSpec option = parsed.commandSpec().findOption(setting.flag());
      // In a group, picocli does not count an option as matched that takes its own parameters.
      boolean given =
          setting.type() == SettingType.PATHS
              ? option != null && option.getValue() != null
              : parsed.hasMatchedOption(setting.flag());
      if (given) {
        Object value = option.getValue();
        List<String> values = new ArrayList<>();
        if (value instanceof String[] several) {
          values.addAll(Arrays.asList(several));
        } else {
          values.add(value.toString());
        }
        layer.put(setting, values, setting.flag(), "flag");
      }
    }
    return layer;
  }
}
