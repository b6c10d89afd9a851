package io.gptjava.cli.command;

import io.gptjava.benchmarks.TrainBenchmark;
import io.gptjava.benchmarks.TrainPoint;
import io.gptjava.benchmarks.TrainSweep;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.Setting;
import io.gptjava.cli.config.Settings;
import io.gptjava.cli.config.SettingsResolver;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.cli.run.RunMemory;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.BuildCommit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/**
 * The combinations of values that {@code --sweep} names.
 *
 * @param points in order, the last option's values changing fastest
 */
record TrainSweepPlan(List<Point> points) {
  /** Settings that a sweep keeps. */
  private static final Set<String> FIXED = Set.of("preset", "steps", "seed", "backend", "device");

  /** What the columns of batch and length show anyway. */
  private static final Set<String> IN_COLUMNS = Set.of("batch-size", "sequence-length");

  /**
   * One combination.
   *
   * @param varied value of each swept setting
   * @param config of the run that has them
   */
  record Point(Map<String, String> varied, ResolvedSettings settings, TrainConfig config) {
    private String name() {
      List<String> words = new ArrayList<>();
      varied.forEach((key, value) -> words.add(key + " " + value));
      return String.join(", ", words);
    }

    private Map<String, String> others() {
      Map<String, String> others = new LinkedHashMap<>(varied);
      others.keySet().removeAll(IN_COLUMNS);
      return others;
    }
  }

  /**
   * Combines.
   *
   * @param sweeps each {@code NAME=V1,V2}
   * @param heeded settings that the benchmark heeds
   * @param base every other setting
   * @throws GptException with {@link Failure#USAGE}
   */
  static TrainSweepPlan of(List<String> sweeps, List<Setting> heeded, ResolvedSettings base) {
    Map<String, List<String>> values = new LinkedHashMap<>();
    for (String sweep : sweeps) {
      int equals = sweep.indexOf('=');
      if (equals < 1) {
        throw Usage.error("--sweep %s is not of the form NAME=V1,V2", sweep);
      }
      String name = sweep.substring(0, equals);
      Setting setting = Settings.ALL.get(name);
      if (setting == null || !heeded.contains(setting) || FIXED.contains(name)) {
        List<String> allowed =
            heeded.stream().map(Setting::key).filter(key -> !FIXED.contains(key)).toList();
        throw Usage.error(
            "--sweep %s: it cannot vary %s; choose among %s",
            sweep, name, String.join(", ", allowed));
      }
      List<String> list = List.of(sweep.substring(equals + 1).split(",", -1));
      if (list.stream().distinct().count() < list.size()) {
        throw Usage.error("--sweep %s names a value twice", sweep);
      }
      if (values.put(name, list) != null) {
        throw Usage.error("--sweep %s: %s is swept already; give its values at once", sweep, name);
      }
    }
    List<Map<String, String>> combinations = List.of(Map.of());
    for (Map.Entry<String, List<String>> each : values.entrySet()) {
      List<Map<String, String>> longer = new ArrayList<>();
      for (Map<String, String> combination : combinations) {
        for (String value : each.getValue()) {
          Map<String, String> more = new LinkedHashMap<>(combination);
          more.put(each.getKey(), value);
          longer.add(more);
        }
      }
      combinations = longer;
    }
    return new TrainSweepPlan(combinations.stream().map(c -> point(c, base)).toList());
  }

  private static Point point(Map<String, String> varied, ResolvedSettings base) {
    Layer layer = new Layer();
    varied.forEach(
        (key, value) -> layer.put(Settings.ALL.get(key), List.of(value), "--sweep " + key, "flag"));
    ResolvedSettings settings = SettingsResolver.change(base, layer);
    return new Point(varied, settings, TrainConfigs.from(settings, Models::config));
  }

  /**
   * Measures the points, each on a backend of its own; those that do not fit in memory are left
   * out.
   *
   * @param benchmark what to time at a point
   * @param progress told of each point before it is measured
   */
  TrainSweep run(
      CliContext context,
      BiFunction<ResolvedSettings, TrainConfig, TrainBenchmark.Settings> benchmark,
      Consumer<String> progress) {
    Optional<String> commit = BuildCommit.read();
    List<TrainPoint> measured = new ArrayList<>();
    List<TrainSweep.Skipped> skipped = new ArrayList<>();
    for (Point point : points) {
      progress.accept(point.name());
      try (Backend backend = BackendChoice.of(point.settings, context.environment()).open()) {
        RunMemory.requireForBenchmark(backend, point.config);
        measured.add(
            TrainPoint.measure(
                backend,
                benchmark.apply(point.settings, point.config),
                point.others(),
                GptVersion.number(),
                commit));
      } catch (GptException e) {
        if (e.failure() != Failure.CAPACITY) {
          throw e;
        }
        String reason = e.getMessage().lines().findFirst().orElse("it does not fit");
        skipped.add(new TrainSweep.Skipped(point.name(), reason));
      }
    }
    return new TrainSweep(measured, skipped);
  }
}
