package io.gptjava.cli.command;

import io.gptjava.benchmarks.baseline.KernelBaseline;
import io.gptjava.benchmarks.baseline.KernelComparison;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Option;

/** The flags that compare with an earlier measurement. */
final class KernelRegression {
  /** How often what seems slower is measured again before it is called so. */
  private static final int LOOKS = 2;

  /** Processes whose medians make an interval of 99 % confidence with as many others. */
  private static final int ENOUGH = 5;

  @Option(
      names = "--baseline",
      paramLabel = "FILE",
      description =
          "What --json printed once: compare with it, measure again what seems slower, and exit with 9"
              + " if that confirms it.")
  private Path baseline;

  @Option(
      names = "--tolerance",
      paramLabel = "SHARE",
      description = "Changes up to this share are none. Default: 0.05.")
  private double tolerance = 0.05;

  @Option(
      names = "--processes",
      paramLabel = "N",
      description =
          "Measure in N processes one after another and take the median of each: the JVM compiles the"
              + " same code differently from one to the next. With --baseline at least 5. Default: 1,"
              + " this one.")
  private int processes = 1;

  /** How many processes measure. */
  int processes() {
    return processes;
  }

  /** What there is to compare with; nothing without the flag. */
  List<KernelBaseline> read() {
    if (processes < 1 || baseline != null && processes > 1 && processes < ENOUGH) {
      throw Usage.error(
          "--processes %d: use 1 or, to compare with a --baseline, at least %d; fewer medians give no"
              + " interval",
          processes, ENOUGH);
    }
    if (!(tolerance >= 0 && tolerance < 1)) {
      throw Usage.error("--tolerance %s must be from 0 to less than 1", tolerance);
    }
    return baseline == null ? List.of() : KernelBaseline.readAll(baseline);
  }

  /**
   * Compares each result with the part of the baseline that measured the same.
   *
   * @param before what {@link #read} returned
   * @param again measures some ops of a result once more
   * @return one a result; none without a baseline
   */
  List<KernelComparison> compare(
      List<KernelBaseline> before,
      List<KernelBenchmarkResult> results,
      BiFunction<KernelBenchmarkResult, Pattern, KernelBenchmarkResult> again) {
    List<KernelComparison> comparisons = new ArrayList<>();
    if (!before.isEmpty()) {
      for (KernelBenchmarkResult result : results) {
        KernelBaseline like = KernelBaseline.like(baseline, before, result);
        comparisons.add(compare(like, result, pattern -> again.apply(result, pattern)));
      }
    }
    return comparisons;
  }

  /** Looks again at what seems slower: a busy neighbour does not stay with one op. */
  private KernelComparison compare(
      KernelBaseline before,
      KernelBenchmarkResult result,
      Function<Pattern, KernelBenchmarkResult> again) {
    KernelComparison comparison = KernelComparison.of(before, result, tolerance);
    KernelBenchmark.Settings settings = result.settings();
    for (int look = 1; look <= LOOKS && comparison.regression(); look++) {
      Pattern suspects = settings.only();
      if (!comparison.allSlower()) {
        suspects =
            Pattern.compile(
                comparison.slower().stream()
                    .map(change -> Pattern.quote(change.family() + " " + change.name()))
                    .collect(Collectors.joining("|", "^(", ")$")));
      }
      comparison =
          comparison.confirmedBy(KernelComparison.of(before, again.apply(suspects), tolerance));
    }
    return comparison;
  }
}
