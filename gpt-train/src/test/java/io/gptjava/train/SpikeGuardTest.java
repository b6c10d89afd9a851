package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.LossScale;
import io.gptjava.core.StepOutputs;
import io.gptjava.train.config.SpikeGuardConfig;
import io.gptjava.train.config.SpikeGuardConfig.Action;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SpikeGuardTest {
  private static SpikeGuard guard(Action action, int window) {
    return new SpikeGuard(new SpikeGuardConfig(action, 4, window), GuardState.EMPTY);
  }

  private static StepOutputs step(double loss, double norm) {
    return new StepOutputs(loss, norm, 1, false, 1, LossScale.NONE);
  }

  /** Losses 1.9 and 2.1 in turn: mean 2, deviation 0.1; the norm's logarithm likewise ±1. */
  private static SpikeGuard seasoned(Action action) {
    SpikeGuard guard = guard(action, 20);
    for (int i = 0; i < 30; i++) {
      double sign = i % 2 == 0 ? -1 : 1;
      guard.accept(step(2 + 0.1 * sign, Math.exp(sign)));
    }
    return guard;
  }

  @Test
  void deviationsAboveTheMeanDecide() {
    SpikeGuard guard = seasoned(Action.ROLLBACK);
    assertEquals(Optional.empty(), guard.judge(step(2.39, 1)));
    Spike spike = guard.judge(step(2.45, 1)).orElseThrow();
    assertEquals("loss_spike", spike.kind());
    assertEquals(4.5, spike.deviations(), 1e-9);
    assertEquals(
        "the loss 2.450 is 4.5 standard deviations above the 20 good steps before",
        spike.toString());
    assertEquals(Optional.empty(), guard.judge(step(2, Math.exp(3.9))));
    Spike steep = guard.judge(step(2, Math.exp(4.1))).orElseThrow();
    assertEquals("grad_norm_spike", steep.kind());
    assertEquals(4.1, steep.deviations(), 1e-9);
  }

  @Test
  void fallsAreNone() {
    assertEquals(Optional.empty(), seasoned(Action.SKIP).judge(step(0.01, 1e-20)));
    assertEquals(Optional.empty(), seasoned(Action.SKIP).judge(step(0.01, 0)));
  }

  /** A flat curve: a hundredth of the loss and a twentieth of the norm are one deviation. */
  @Test
  void ripplesOfAFlatCurveAreNone() {
    SpikeGuard guard = guard(Action.SKIP, 16);
    for (int i = 0; i < 16; i++) {
      guard.accept(step(3, 2));
    }
    assertEquals(Optional.empty(), guard.judge(step(3.11, 2 * Math.exp(0.19))));
    assertEquals(4.5, guard.judge(step(3.135, 2)).orElseThrow().deviations(), 1e-9);
    assertEquals(5, guard.judge(step(3, 2 * Math.exp(0.25))).orElseThrow().deviations(), 1e-9);
  }

  @Test
  void tooFewStepsSayNothing() {
    SpikeGuard guard = guard(Action.SKIP, 100);
    for (int i = 0; i < 15; i++) {
      guard.accept(step(1, 1));
      assertEquals(Optional.empty(), guard.judge(step(1e9, 1e9)));
    }
    guard.accept(step(1, 1));
    assertEquals(true, guard.judge(step(1e9, 1e9)).isPresent());
  }

  @Test
  void skippedStepsAndThoseWithoutALossAreNotRemembered() {
    SpikeGuard guard = guard(Action.SKIP, 16);
    guard.accept(new StepOutputs(5, Double.NaN, 1, true, 1, LossScale.NONE));
    guard.accept(step(Double.NaN, 0));
    assertEquals(GuardState.EMPTY, guard.state());
    guard.accept(step(5, Math.E));
    assertEquals(List.of(5.0), guard.state().losses());
    assertEquals(1, guard.state().logNorms().getFirst(), 1e-15);
  }

  @Test
  void offRemembersNothing() {
    SpikeGuard guard = seasoned(Action.OFF);
    assertEquals(GuardState.EMPTY, guard.state());
    assertEquals(Optional.empty(), guard.judge(step(1e9, 1e9)));
  }
}
