package io.gptjava.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The scalars of a step: mean loss, unscaled norm, clip factor, skip flag. */
final class HostStepControlTest {
  private final HostStepControl control = new HostStepControl();

  private static StepInputs inputs(float clipNorm, float lossScale, long targets) {
    return new StepInputs(1, 2, 3, clipNorm, lossScale, targets);
  }

  @Test
  void lossIsTheMeanOverAllMicroBatches() {
    control.begin(inputs(0, 8, 10));
    control.addLoss(12);
    control.microBatch(4);
    control.addLoss(18);
    assertEquals(3, control.read().loss());
    assertEquals(4, control.firstSample());
    assertEquals(0.8f, control.lossGradientScale());
    assertTrue(Double.isNaN(control.read().gradientNorm()), "no norm yet");
  }

  @Test
  void noTargetsGiveNoLossAndNoGradient() {
    control.begin(inputs(0, 8, 0));
    assertTrue(Double.isNaN(control.read().loss()));
    assertEquals(0, control.lossGradientScale());
  }

  @Test
  void normIsOfUnscaledGradients() {
    control.begin(inputs(1, 8, 10));
    control.gradientNorm(40);
    assertEquals(5, control.read().gradientNorm());
    assertEquals((float) (1 / 5.000001), control.read().clipFactor());
    assertEquals(control.read().clipFactor() / 8, control.gradientFactor());
    assertFalse(control.skipped());
  }

  @Test
  void smallNormsAndNoClippingLeaveGradientsAlone() {
    control.begin(inputs(1, 1, 10));
    control.gradientNorm(0.5);
    assertEquals(1, control.gradientFactor());
    control.begin(inputs(0, 1, 10));
    control.gradientNorm(1e9);
    assertEquals(1, control.gradientFactor());
    control.begin(inputs(1, 1, 10));
    control.gradientNorm(0);
    assertEquals(1, control.gradientFactor());
  }

  @Test
  void nonFiniteNormSkipsThisStepOnly() {
    for (double norm : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      control.begin(inputs(1, 1, 10));
      control.gradientNorm(norm);
      assertTrue(control.read().skipped());
      control.begin(inputs(1, 1, 10));
      assertFalse(control.read().skipped());
    }
  }

  @Test
  void dynamicScaleIsTakenOutAndFollowsEachStep() {
    control.scaleLoss(new LossScaling(2, 0.5f, 2, 0x1p-14f), new LossScale(64, 0));
    control.begin(inputs(1, 1, 16));
    assertEquals(4, control.lossGradientScale());
    control.gradientNorm(640);
    assertEquals(10, control.read().gradientNorm());
    assertEquals(control.read().clipFactor() / 64, control.gradientFactor());
    assertEquals(new LossScale(64, 1), control.read().lossScale());
    control.begin(inputs(1, 1, 16));
    control.gradientNorm(640);
    assertEquals(1f / 64, control.gradientFactor() / control.read().clipFactor());
    assertEquals(new LossScale(128, 0), control.read().lossScale());
    control.begin(inputs(1, 1, 16));
    control.gradientNorm(Double.POSITIVE_INFINITY);
    assertTrue(control.read().skipped());
    assertEquals(new LossScale(64, 0), control.read().lossScale());
  }

  @Test
  void anOverflowHaltsOnlyBelowTheLowestScale() {
    control.haltAfterSkip(true);
    control.scaleLoss(new LossScaling(2, 0.5f, 2, 1), new LossScale(2, 0));
    for (float after : new float[] {1, 0.5f}) {
      control.begin(inputs(1, 1, 16));
      control.gradientNorm(Double.NaN);
      assertEquals(new LossScale(after, 0), control.read().lossScale());
    }
    control.begin(inputs(1, 1, 16));
    control.gradientNorm(1);
    assertTrue(control.read().skipped(), "halted");
    assertEquals(new LossScale(0.5f, 0), control.read().lossScale(), "as it was");
    control.restoreUpdates(0);
    control.begin(inputs(1, 1, 16));
    control.gradientNorm(1);
    assertFalse(control.read().skipped());
    assertEquals(new LossScale(0.5f, 1), control.read().lossScale());
  }

  @Test
  void updatesGoOnFromWhereTheyWere() {
    control.restoreUpdates(41);
    assertEquals(42, control.nextUpdate());
    control.begin(inputs(1, 1, 10));
    assertEquals(42, control.read().updates());
  }
}
