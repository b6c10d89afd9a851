package io.gptjava.benchmarks.baseline;

import io.gptjava.benchmarks.RatioInterval;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Ops of a run against those of a baseline. A shared machine is faster on one day than on another,
 * so each op is judged by how it changed beside the others: its ratio is divided by the middle one
 * of all ops or, where fewer than {@link #ENOUGH} are compared, by what became of the ceilings.
 *
 * @param drift how many times as long everything takes as it did
 * @param ceilingDrift how many times as long the large copy and the large product take; geometric
 *     mean
 * @param changes of the ops that both have
 * @param missing ops of the run that the baseline lacks
 * @param tolerance a change of that share is none
 */
public record KernelComparison(
    double drift,
    double ceilingDrift,
    List<Change> changes,
    List<String> missing,
    double tolerance) {
  /** Ops whose middle change is one of the machine, or of all of them. */
  static final int ENOUGH = 5;

  private static final double CONFIDENCE = 0.99;

  /** What may be said of an op. */
  public enum Verdict {
    /** The whole interval is above the tolerance. */
    SLOWER,
    /** The whole interval is below the tolerance. */
    FASTER,
    /** The whole interval is within the tolerance. */
    SAME,
    /** The timings spread too widely to tell. */
    UNCLEAR
  }

  /**
   * An op's change.
   *
   * @param ratio the drift taken out
   * @param before median in milliseconds
   * @param now median in milliseconds
   */
  public record Change(
      String family,
      String name,
      RatioInterval ratio,
      double before,
      double now,
      Verdict verdict) {}

  /** Copies the lists. */
  public KernelComparison {
    changes = List.copyOf(changes);
    missing = List.copyOf(missing);
  }

  /**
   * Compares.
   *
   * @param tolerance such as 0.05
   */
  public static KernelComparison of(
      KernelBaseline baseline, KernelBenchmarkResult result, double tolerance) {
    List<KernelTime> compared = new ArrayList<>();
    List<RatioInterval> ratios = new ArrayList<>();
    List<String> missing = new ArrayList<>();
    for (KernelTime kernel : result.kernels()) {
      Optional<KernelBaseline.Op> before = baseline.find(kernel.family(), kernel.name());
      if (before.isEmpty()) {
        missing.add(kernel.name());
        continue;
      }
      compared.add(kernel);
      List<Double> then = before.get().timing().sorted();
      ratios.add(RatioInterval.of(then, kernel.timing().sorted(), CONFIDENCE));
    }
    Ceilings then = baseline.ceilings();
    Ceilings now = result.best();
    double ceilingDrift =
        Math.sqrt(
            then.bytesPerSecond()
                / now.bytesPerSecond()
                * (then.flopsPerSecond() / now.flopsPerSecond()));
    double drift = ratios.size() < ENOUGH ? ceilingDrift : middle(ratios);
    List<Change> changes = new ArrayList<>();
    for (int i = 0; i < compared.size(); i++) {
      KernelTime kernel = compared.get(i);
      RatioInterval ratio = ratios.get(i).dividedBy(drift);
      changes.add(
          new Change(
              kernel.family(),
              kernel.name(),
              ratio,
              baseline.find(kernel.family(), kernel.name()).orElseThrow().timing().median(),
              kernel.timing().median(),
              verdict(ratio, tolerance)));
    }
    return new KernelComparison(drift, ceilingDrift, changes, missing, tolerance);
  }

  private static double middle(List<RatioInterval> ratios) {
    double[] sorted = ratios.stream().mapToDouble(RatioInterval::ratio).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  private static Verdict verdict(RatioInterval ratio, double tolerance) {
    if (ratio.low() > 1 + tolerance) {
      return Verdict.SLOWER;
    }
    if (ratio.high() < 1 / (1 + tolerance)) {
      return Verdict.FASTER;
    }
    return ratio.low() >= 1 / (1 + tolerance) && ratio.high() <= 1 + tolerance
        ? Verdict.SAME
        : Verdict.UNCLEAR;
  }

  /** Ops that became slower. */
  public List<Change> slower() {
    return changes.stream().filter(change -> change.verdict() == Verdict.SLOWER).toList();
  }

  /** Whether all ops together became slower by more than the machine did. */
  public boolean allSlower() {
    return changes.size() >= ENOUGH && drift > ceilingDrift * (1 + 2 * tolerance);
  }

  /** Whether anything did. */
  public boolean regression() {
    return allSlower() || !slower().isEmpty();
  }

  /** What of it another look, at some of the ops or at all, confirms. */
  public KernelComparison confirmedBy(KernelComparison again) {
    List<Change> confirmed = new ArrayList<>();
    for (Change change : changes) {
      boolean seenAgain =
          again.slower().stream()
              .anyMatch(
                  other ->
                      other.family().equals(change.family()) && other.name().equals(change.name()));
      confirmed.add(
          change.verdict() == Verdict.SLOWER && !seenAgain
              ? new Change(
                  change.family(),
                  change.name(),
                  change.ratio(),
                  change.before(),
                  change.now(),
                  Verdict.UNCLEAR)
              : change);
    }
    double confirmedDrift = allSlower() && !again.allSlower() ? ceilingDrift : drift;
    return new KernelComparison(confirmedDrift, ceilingDrift, confirmed, missing, tolerance);
  }
}
