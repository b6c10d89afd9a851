package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.OptimizerConfig;
import io.gptjava.train.config.OptimizerConfig.Schedule;
import org.junit.jupiter.api.Test;

class LearningRateScheduleTest {
  private static final AdamWSettings ADAM = new AdamWSettings(0.9f, 0.999f, 1e-8f, 0.1f);

  private static LearningRateSchedule schedule(
      Schedule kind, double peak, double init, double min, int warmup, double ratio, long total) {
    return new LearningRateSchedule(
        new OptimizerConfig(ADAM, true, peak, init, min, kind, warmup, ratio, 1.0, true), total);
  }

  @Test
  void textbookWarmupFollowsTheBookStepByStep() {
    LearningRateSchedule schedule = schedule(Schedule.COSINE, 1e-3, 1e-5, 1e-5, 0, 0.2, 135);
    assertEquals(27, schedule.warmupSteps());
    // The book's loop: the step counter starts at −1 and grows before it is used.
    double increment = (1e-3 - 1e-5) / 27;
    int globalStep = -1;
    for (int i = 0; i < 135; i++) {
      globalStep++;
      double expected;
      if (globalStep < 27) {
        expected = 1e-5 + globalStep * increment;
      } else {
        double progress = (globalStep - 27) / (135.0 - 27.0);
        expected = 1e-5 + (1e-3 - 1e-5) * 0.5 * (1 + Math.cos(Math.PI * progress));
      }
      assertEquals(expected, schedule.learningRate(i), 1e-17, "step " + i);
      assertEquals(globalStep < 27 ? 0 : 1.0, schedule.clipNorm(i), "step " + i);
    }
    assertEquals(1e-5, schedule.learningRate(0));
    assertEquals(1e-3, schedule.learningRate(27), 1e-18);
    // Half way down: the mean of peak and minimum.
    assertEquals(5.05e-4, schedule.learningRate(81), 1e-17);
    assertEquals(1e-5, schedule.learningRate(135));
    assertEquals(1e-5, schedule.learningRate(1000));
  }

  @Test
  void linearIsTransformersLinearScheduleWithWarmup() {
    LearningRateSchedule schedule = schedule(Schedule.LINEAR, 5e-5, 0, 0, 100, 0, 1000);
    for (int step = 0; step < 1000; step++) {
      double factor =
          step < 100 ? step / Math.max(1.0, 100) : Math.max(0, (1000.0 - step) / (1000 - 100));
      assertEquals(5e-5 * factor, schedule.learningRate(step), 1e-19, "step " + step);
    }
    assertEquals(0, schedule.learningRate(1000));
    assertEquals(0, schedule.learningRate(0));
  }

  @Test
  void constantWithoutWarmupIsThePeakEverywhere() {
    LearningRateSchedule schedule = schedule(Schedule.CONSTANT, 4e-4, 1e-5, 1e-5, 0, 0, 90);
    for (int step = 0; step < 200; step++) {
      assertEquals(4e-4, schedule.learningRate(step));
      assertEquals(1.0, schedule.clipNorm(step));
    }
  }

  @Test
  void warmupStableDecayHoldsThePeakUntilTheLastFifth() {
    LearningRateSchedule schedule = schedule(Schedule.WSD, 1.0, 0, 0.2, 10, 0, 100);
    assertEquals(0.5, schedule.learningRate(5), 1e-15);
    for (int step = 10; step <= 80; step++) {
      assertEquals(1.0, schedule.learningRate(step), 1e-15);
    }
    assertEquals(0.6, schedule.learningRate(90), 1e-15);
    assertEquals(0.24, schedule.learningRate(99), 1e-15);
    assertEquals(0.2, schedule.learningRate(100), 1e-15);
  }

  @Test
  void aWarmupLongerThanTheRunNeverEnds() {
    LearningRateSchedule schedule = schedule(Schedule.COSINE, 1.0, 0, 0, 100, 0, 10);
    assertEquals(0.09, schedule.learningRate(9), 1e-15);
    assertEquals(0, schedule.clipNorm(9));
  }

  @Test
  void clippingFromTheStartUnlessAskedToWait() {
    LearningRateSchedule schedule =
        new LearningRateSchedule(
            new OptimizerConfig(ADAM, true, 1, 0, 0, Schedule.COSINE, 5, 0, 0.5, false), 10);
    assertEquals(0.5, schedule.clipNorm(0));
  }

  @Test
  void badValuesAreUsageErrorsThatNameTheFlag() {
    assertUsage("--lr", () -> schedule(Schedule.LINEAR, Double.NaN, 0, 0, 0, 0, 10));
    assertUsage("--min-lr", () -> schedule(Schedule.LINEAR, 1, 0, -1, 0, 0, 10));
    assertUsage("--warmup-ratio", () -> schedule(Schedule.LINEAR, 1, 0, 0, 0, 1.5, 10));
    assertUsage("--warmup-steps", () -> schedule(Schedule.LINEAR, 1, 0, 0, -3, 0, 10));
    assertUsage("--steps", () -> schedule(Schedule.LINEAR, 1, 0, 0, 0, 0, 0));
  }

  private static void assertUsage(String flag, Runnable action) {
    GptException e = assertThrows(GptException.class, action::run);
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains(flag), e.getMessage());
  }
}
