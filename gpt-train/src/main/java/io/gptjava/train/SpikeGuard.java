package io.gptjava.train;

import io.gptjava.core.StepOutputs;
import io.gptjava.train.config.SpikeGuardConfig;
import io.gptjava.train.config.SpikeGuardConfig.Action;
import java.util.List;
import java.util.Optional;

/**
 * Finds steps whose loss, or whose gradient norm on a logarithmic scale, lies many standard
 * deviations above the mean of the good steps before (a z-score). Only jumps upward count. So that
 * a flat curve does not make a spike of every ripple, a deviation counts as at least a hundredth of
 * the mean loss, and of the norm as at least a twentieth of it.
 *
 * <p>Steps whose update was skipped for a gradient that is not finite are neither good nor spikes.
 */
final class SpikeGuard {
  /** Fewer good steps than this, or than the window, say too little. */
  private static final int LEAST_STEPS = 16;

  private static final double LEAST_LOSS_DEVIATION = 0.01;
  private static final double LEAST_LOG_NORM_DEVIATION = 0.05;

  /** Dropped updates in a row after which it is no spike any more. */
  private static final int MOST_SKIPPED = 8;

  private final SpikeGuardConfig config;
  private GuardState state;

  /** A guard that remembers what an earlier one knew. */
  SpikeGuard(SpikeGuardConfig config, GuardState state) {
    this.config = config;
    this.state = state;
  }

  /** What it knows, for a checkpoint. */
  GuardState state() {
    return state;
  }

  /** Goes on with what was known at another step. */
  void goOnWith(GuardState known) {
    state = known;
  }

  /** Whether a step's numbers are wanted before its update. */
  boolean beforeUpdate() {
    return config.action() == Action.SKIP;
  }

  /** Whether spikes send the run back. */
  boolean goesBack() {
    return config.action() == Action.ROLLBACK;
  }

  /** Deviations from which on a step is a spike. */
  double threshold() {
    return config.threshold();
  }

  /** Whether a step jumped, judged by the good steps before. */
  Optional<Spike> judge(StepOutputs step) {
    int known = state.losses().size();
    boolean tooFew = known < Math.min(LEAST_STEPS, config.window());
    if (config.action() == Action.OFF || tooFew || step.skipped()) {
      return Optional.empty();
    }
    double scale = LEAST_LOSS_DEVIATION * mean(state.losses());
    double norm = step.gradientNorm();
    double logNorm = logarithm(norm);
    return judge(Spike.Measure.LOSS, step.loss(), step.loss(), state.losses(), scale)
        .or(
            () ->
                judge(
                    Spike.Measure.GRADIENT_NORM,
                    norm,
                    logNorm,
                    state.logNorms(),
                    LEAST_LOG_NORM_DEVIATION));
  }

  private Optional<Spike> judge(
      Spike.Measure measure, double shown, double value, List<Double> good, double least) {
    double mean = mean(good);
    double squares = 0;
    for (double v : good) {
      squares += (v - mean) * (v - mean);
    }
    double deviations = (value - mean) / Math.max(Math.sqrt(squares / good.size()), least);
    return deviations > config.threshold()
        ? Optional.of(new Spike(measure, shown, deviations, good.size()))
        : Optional.empty();
  }

  private static double mean(List<Double> values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / values.size();
  }

  private static double logarithm(double norm) {
    return Math.log(Math.max(norm, Float.MIN_NORMAL));
  }

  /** Remembers a step that was trained on; one without targets has no loss. */
  void accept(StepOutputs step) {
    if (config.action() != Action.OFF && !step.skipped() && Double.isFinite(step.loss())) {
      state = state.accept(step.loss(), logarithm(step.gradientNorm()), config.window());
    }
  }

  /** Remembers that an update was dropped. */
  void skipped() {
    state = state.skipped();
  }

  /** Whether so many updates were dropped in a row that the curve has left for good. */
  boolean exhausted() {
    return state.skippedInARow() > MOST_SKIPPED;
  }
}
