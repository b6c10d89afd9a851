package io.gptjava.train;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.StepOutputs;
import io.gptjava.train.config.KeepConfig.OnNan;
import io.gptjava.train.data.BatchName;
import java.util.List;
import java.util.Optional;

/**
 * Looks at the results of every step and decides what follows from bad ones: nothing, a dropped
 * update, a step back that leaves the step's data out, or the end. Every decision is told.
 *
 * <p>Going back repeats steps bit for bit, so it does not matter how far: the run becomes the one
 * that never had the bad step's data. After a step that is not finite the weights are still those
 * before it, so that is as far as it goes, unless they are not finite either; after a spike it goes
 * back to the last checkpoint.
 */
final class Safety {
  /** Steps back in a row, none of which led further, before a run ends. */
  private static final int MOST_ROLLBACKS = 3;

  private final OnNan onNan;
  private final SpikeGuard guard;
  private final LossScaler lossScaler;
  private final NonFiniteFinder nonFinite;
  private final StepRunner steps;
  private final Watcher watcher;
  private final TrainingListener listener;
  private long troubleStep = -1;
  private int rollbacks;

  Safety(
      OnNan onNan,
      SpikeGuard guard,
      LossScaler lossScaler,
      NonFiniteFinder nonFinite,
      StepRunner steps,
      Watcher watcher,
      TrainingListener listener) {
    this.onNan = onNan;
    this.guard = guard;
    this.lossScaler = lossScaler;
    this.nonFinite = nonFinite;
    this.steps = steps;
    this.watcher = watcher;
    this.listener = listener;
  }

  /**
   * What follows from a step that went wrong.
   *
   * @param state that the run has gone back to, the step's data to be passed over
   * @param end why the run ends there, if it does
   */
  record Resolution(TrainerState state, Optional<GptException> end) {}

  /**
   * Looks at a step, in the order of the steps. Where loss is scaled, steps that overflowed are no
   * trouble until the scale is exhausted.
   *
   * @return empty if the run goes on as it is
   */
  Optional<Resolution> examine(IssuedStep step, StepOutputs outputs) {
    if (outputs.skipped()) {
      return lossScaler.excuses(outputs)
          ? Optional.empty()
          : Optional.of(resolveNonFinite(step, outputs));
    }
    Optional<Spike> late = guard.goesBack() ? guard.judge(outputs) : Optional.empty();
    if (late.isPresent()) {
      return Optional.of(resolveSpike(step, late.get()));
    }
    if (step.dropped().isPresent()) {
      return resolveDropped(step, outputs, step.dropped().get());
    }
    guard.accept(outputs);
    if (step.number() >= troubleStep) {
      rollbacks = 0;
    }
    return Optional.empty();
  }

  private Resolution resolveNonFinite(IssuedStep step, StepOutputs outputs) {
    BatchName batch = steps.name(step.data());
    String message =
        "step %d: %s is not finite (loss %s, gradient norm %s; %s)"
            .formatted(
                step.number(),
                firstNonFinite(step).orElse("the gradient norm"),
                outputs.loss(),
                outputs.gradientNorm(),
                batch);
    boolean exhausted = lossScaler.exhausted(outputs);
    boolean intact = nonFinite.weightsAreFinite();
    TrainerState before = before(step, outputs);
    boolean mayGoBack = onNan == OnNan.ROLLBACK && !exhausted && mayGoBack(step);
    Optional<TrainerState> good =
        intact || !mayGoBack ? Optional.of(before) : watcher.restore().map(this::leavingOut);
    Decision decision = decision("non_finite", batch, outputs.loss(), Double.NaN, Double.NaN);
    if (mayGoBack && good.isPresent()) {
      return goBack(step, good.get(), message, decision);
    }
    if (intact) {
      watcher.save(before);
    }
    return end(step, before, message, decision, advice(outputs, intact, exhausted));
  }

  /** The state before a step whose update was skipped or dropped. */
  private TrainerState before(IssuedStep step, StepOutputs outputs) {
    return step.before().withResults(outputs.updates(), lossScaler.scale(), guard.state());
  }

  private String advice(StepOutputs outputs, boolean intact, boolean exhausted) {
    String weights =
        intact
            ? "the weights before it are finite"
            : "the weights are no longer finite either: go back to an earlier checkpoint";
    String remedy = "lower --lr, set --clip-norm 1, ";
    if (exhausted) {
      return "%s; the loss scale fell to %s without helping: %sor use --precision bf16"
          .formatted(weights, outputs.lossScale().value(), remedy);
    }
    return onNan == OnNan.STOP
        ? "%s; %sor use --on-nan rollback to leave such data out".formatted(weights, remedy)
        : "%s; leaving data out %d times in a row did not help: %sor look at the data"
            .formatted(weights, MOST_ROLLBACKS, remedy);
  }

  /**
   * Where a skipped step's numbers stop being finite. By now the model may hold another
   * micro-batch, or a step begun since: so the step is computed again. What was begun since has
   * updated nothing: the backend halts after a skipped step.
   */
  private Optional<String> firstNonFinite(IssuedStep step) {
    return nonFinite
        .weight()
        .or(() -> steps.repeat(step, nonFinite::activation))
        .or(nonFinite::gradient);
  }

  private Resolution resolveSpike(IssuedStep step, Spike spike) {
    BatchName batch = steps.name(step.data());
    boolean mayGoBack = mayGoBack(step);
    Optional<TrainerState> good = watcher.restore().map(this::leavingOut);
    String message = message(step, spike, batch);
    Decision decision = decision(spike, batch);
    if (mayGoBack && good.isPresent()) {
      return goBack(step, good.get(), message, decision);
    }
    String advice =
        good.isEmpty()
            ? "there is nothing to go back to; use --spike-guard skip"
            : "leaving data out %d times in a row did not help: lower --lr, set --clip-norm 1, or raise --spike-threshold"
                .formatted(MOST_ROLLBACKS);
    return end(step, good.orElse(step.before()), message, decision, advice);
  }

  private Optional<Resolution> resolveDropped(IssuedStep step, StepOutputs outputs, Spike spike) {
    guard.skipped();
    BatchName batch = steps.name(step.data());
    String message = message(step, spike, batch);
    Decision decision = decision(spike, batch);
    if (!guard.exhausted()) {
      tell(step, message + "; its update was dropped", decision);
      return Optional.empty();
    }
    TrainerState before = before(step, outputs);
    watcher.save(before);
    String advice =
        "%d updates in a row were dropped: lower --lr, set --clip-norm 1, or raise"
            + " --spike-threshold";
    int dropped = guard.state().skippedInARow();
    return Optional.of(end(step, before, message, decision, advice.formatted(dropped)));
  }

  private static String message(IssuedStep step, Spike spike, BatchName batch) {
    return "step %d: %s (%s)".formatted(step.number(), spike, batch);
  }

  /** Counts a step back, and says whether it is one too many. */
  private boolean mayGoBack(IssuedStep step) {
    troubleStep = Math.max(troubleStep, step.number());
    return ++rollbacks <= MOST_ROLLBACKS;
  }

  /** A state read back, with the data that was found to be bad since it was saved. */
  private TrainerState leavingOut(TrainerState restored) {
    return restored.passingOver(guard.state().passedOver());
  }

  private Resolution goBack(IssuedStep step, TrainerState good, String message, Decision decision) {
    TrainerState next = good.passingOver(List.of(step.data()));
    String where =
        next.step() == step.number()
            ? "its data is left out"
            : "the run goes back to step %d and leaves its data out".formatted(next.step());
    tell(step, message + "; " + where, with(decision, Decision.Action.ROLLBACK, next.step()));
    return new Resolution(next, Optional.empty());
  }

  private Resolution end(
      IssuedStep step, TrainerState last, String message, Decision decision, String advice) {
    tell(step, message, with(decision, Decision.Action.STOP, last.step()));
    return new Resolution(
        last, Optional.of(new GptException(Failure.DIVERGED, message + "\n" + advice)));
  }

  private void tell(IssuedStep step, String message, Decision decision) {
    listener.on(new TrainingEvent.Warning(step.number(), message, Optional.of(decision)));
  }

  private Decision decision(Spike spike, BatchName batch) {
    return decision(spike.kind(), batch, spike.value(), spike.deviations(), guard.threshold());
  }

  private static Decision decision(
      String kind, BatchName batch, double value, double deviations, double threshold) {
    return new Decision(
        kind, batch.toString(), value, deviations, threshold, Decision.Action.SKIP, -1);
  }

  private static Decision with(Decision d, Decision.Action action, long backTo) {
    return new Decision(
        d.kind(), d.batch(), d.value(), d.deviations(), d.threshold(), action, backTo);
  }
}
