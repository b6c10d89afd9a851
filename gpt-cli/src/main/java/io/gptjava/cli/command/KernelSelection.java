package io.gptjava.cli.command;

import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.benchmarks.kernels.KernelSweep;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.Settings;
import io.gptjava.cli.config.SettingsResolver;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.train.config.TrainConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** The flags that say which ops are timed, at which shapes, and for how long. */
final class KernelSelection {
  /** Minutes that a sweep takes at most on a CPU when nobody says otherwise. */
  private static final double CPU_MINUTES = 10;

  private static final int MINUTE = 60;

  /** GPT-2's sizes at 4k to 64k tokens in sequences of 1024, the cheaper first. */
  private static final List<String> SWEEP =
      Stream.of(4, 8, 16, 32, 64)
          .flatMap(
              batch ->
                  Stream.of("124m", "355m", "774m", "1558m")
                      .map(size -> "gpt2-%s,B=%d,T=1024".formatted(size, batch)))
          .toList();

  @Option(
      names = "--only",
      paramLabel = "REGEX",
      description = "Only the ops whose group or name it finds.")
  private String only = "";

  @Option(
      names = "--shapes",
      paramLabel = "SHAPE[;SHAPE...]",
      description =
          "Shapes to time, such as B=4,T=1024,C=768,H=12;gpt2-355m,B=2: a preset's name or nothing, then"
              + " B sequences of T tokens, width C, H heads, L layers, V tokens in the vocabulary; what"
              + " is left open comes from the preset or from the flags below. May be repeated.")
  private List<String> shapes = List.of();

  @Option(
      names = "--sweep",
      description =
          "Time GPT-2 124M, 355M, 774M and 1558M at 4k, 8k, 16k, 32k and 64k tokens in sequences of"
              + " 1024. On a CPU with --time-limit 10 unless given.")
  private boolean sweep;

  @Option(
      names = "--time-limit",
      paramLabel = "MINUTES",
      description = "Leave out shapes that would take longer, all together. Default: no limit.")
  private Double minutes;

  /** What to measure, shapes first, each in all precisions. */
  List<KernelSweep.Point> points(
      ResolvedSettings settings, KernelOptions measuring, CliContext context) {
    if (sweep && !shapes.isEmpty()) {
      throw Usage.error("--sweep has shapes of its own; leave --shapes out");
    }
    if (sweep) {
      for (String key : List.of("layers", "heads", "width", "context-length", "sequence-length")) {
        if (settings.given(key)) {
          throw Usage.error("--sweep has shapes of its own; leave %s out", settings.spelled(key));
        }
      }
    }
    if (minutes != null && !(minutes > 0)) {
      throw Usage.error("--time-limit %s must be more than 0 minutes", minutes);
    }
    Pattern ops = pattern();
    List<List<KernelSweep.Point>> byPrecision = new ArrayList<>();
    for (ResolvedSettings each : inEachPrecision(settings)) {
      byPrecision.add(points(each, measuring, ops, context));
    }
    List<KernelSweep.Point> points = new ArrayList<>();
    for (int shape = 0; shape < byPrecision.getFirst().size(); shape++) {
      for (List<KernelSweep.Point> of : byPrecision) {
        points.add(of.get(shape));
      }
    }
    return points;
  }

  /**
   * Seconds that all may take.
   *
   * @param device whether it is a device that computes; asked where that decides
   */
  OptionalDouble limit(BooleanSupplier device) {
    return minutes != null
        ? OptionalDouble.of(minutes * MINUTE)
        : sweep && !device.getAsBoolean()
            ? OptionalDouble.of(CPU_MINUTES * MINUTE)
            : OptionalDouble.empty();
  }

  private List<KernelSweep.Point> points(
      ResolvedSettings settings, KernelOptions measuring, Pattern ops, CliContext context) {
    TrainConfig config = TrainConfigs.from(settings, Models::config);
    BackendChoice choice = BackendChoice.of(settings, context.environment());
    KernelBenchmark.Settings usual = measuring.settings(choice, config).withOnly(ops);
    KernelShapes flags = usual.shapes();
    List<String> texts = sweep ? SWEEP : shapes;
    if (texts.isEmpty()) {
      return List.of(new KernelSweep.Point(choice::open, usual));
    }
    return ShapeList.parse(
            texts, new ShapeList.Shape(flags.model(), flags.batch(), flags.sequence()))
        .stream()
        .map(
            shape -> new KernelShapes(shape.model(), flags.type(), shape.batch(), shape.sequence()))
        .map(each -> new KernelSweep.Point(choice::open, usual.withShapes(each)))
        .toList();
  }

  private static List<ResolvedSettings> inEachPrecision(ResolvedSettings settings) {
    List<String> names = List.of(settings.text("precision").split(","));
    if (names.stream().distinct().count() < names.size()) {
      throw Usage.error(
          "%s %s names one twice", settings.spelled("precision"), String.join(",", names));
    }
    List<ResolvedSettings> all = new ArrayList<>();
    for (String name : names) {
      Layer layer = new Layer();
      layer.put(
          Settings.ALL.get("precision"), List.of(name), settings.spelled("precision"), "flag");
      all.add(SettingsResolver.change(settings, layer));
    }
    return all;
  }

  private Pattern pattern() {
    try {
      return Pattern.compile(only);
    } catch (PatternSyntaxException e) {
      throw Usage.error("--only %s is not a regular expression: %s", only, e.getDescription());
    }
  }
}
