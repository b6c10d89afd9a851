package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.DType;
import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.core.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Gradient norm, clipping, skipping and AdamW over a flat layout with padding. */
public abstract class OptimizerContract extends OpContract {
  private static final AdamWSettings SETTINGS = new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f);

  /** Sizes around a vector, a cache line and a chunk of work; the padding belongs to nobody. */
  private static final List<ParameterRange> RANGES =
      List.of(
          new ParameterRange(0, 1, true),
          new ParameterRange(64, 63, false),
          new ParameterRange(128, 64, true),
          new ParameterRange(192, 770 * 33, true),
          new ParameterRange(25_664, 17, false),
          new ParameterRange(25_728, 200_003, true));

  private static final int COUNT = 225_792;

  /** Flat buffers. */
  private record Buffers(float[] parameters, float[] gradients, float[] first, float[] second) {
    static Buffers random() {
      Data data = new Data(4);
      float[] second = Data.abs(data.normal(COUNT, 0, 1e-3));
      return new Buffers(
          data.normal(COUNT), data.normal(COUNT, 0, 0.1), data.normal(COUNT, 0, 0.03), second);
    }
  }

  private static OptimizerState state(Stage s, Buffers buffers) {
    return new OptimizerState(
        s.inOut32("parameters", buffers.parameters, COUNT),
        s.floats32(buffers.gradients, COUNT),
        s.inOut32("firstMoment", buffers.first, COUNT),
        s.inOut32("secondMoment", buffers.second, COUNT),
        null,
        RANGES);
  }

  /** The weights to compute with are the new masters, rounded; a skipped step leaves them. */
  @ParameterizedTest
  @CsvSource({"1,BF16", "NaN,BF16", "1,F16", "NaN,F16"})
  void writesWeightsToComputeWith(float firstGradient, DType narrow) {
    Buffers buffers = Buffers.random();
    buffers.gradients[0] = firstGradient;
    Comparison c =
        compare(
            step(1, 1),
            s -> {
              OptimizerState plain = state(s, buffers);
              Tensor compute = s.output("compute", narrow, COUNT);
              s.ops().fill(compute, 2); // what is between the ranges belongs to nobody
              OptimizerState state =
                  new OptimizerState(
                      plain.parameters(),
                      plain.gradients(),
                      plain.firstMoment(),
                      plain.secondMoment(),
                      compute,
                      RANGES);
              s.ops().globalGradientNorm(state);
              s.ops().adamW(state, SETTINGS);
            });
    float[] masters = NarrowFloats.round(c.actual("parameters"), narrow);
    float[] compute = c.actual("compute");
    for (ParameterRange range : RANGES) {
      for (int i = (int) range.offset(); i < range.offset() + range.count(); i++) {
        assertEquals(Float.isNaN(firstGradient) ? 2 : masters[i], compute[i]);
      }
    }
  }

  private static StepInputs step(float clipNorm, float lossScale) {
    return new StepInputs(1, 7, 3e-3f, clipNorm, lossScale, 10);
  }

  private static void norm(Stage s, Buffers buffers) {
    s.ops().globalGradientNorm(state(s, buffers));
  }

  @ParameterizedTest
  @CsvSource({"0,1", "1,1", "1000,1", "0,64", "0.5,64"})
  void globalGradientNorm(float clipNorm, float lossScale) {
    Buffers buffers = Buffers.random();
    for (int i = 1; i < 64; i++) {
      buffers.gradients[i] = Float.NaN; // padding
    }
    Comparison c = compare(step(clipNorm, lossScale), s -> norm(s, buffers));
    StepOutputs expected = c.expectedStep();
    StepOutputs actual = c.actualStep();
    // All but exact: an fp32 sum of this many squares is off by far more than 4 roundoffs.
    double allowed = 4 * Tolerance.UNIT_ROUNDOFF;
    assertEquals(expected.gradientNorm(), actual.gradientNorm(), allowed * expected.gradientNorm());
    assertEquals(expected.clipFactor(), actual.clipFactor(), allowed * expected.clipFactor());
    assertEquals(false, actual.skipped());
  }

  /** Squares beyond fp32's range, above and below. */
  @ParameterizedTest
  @ValueSource(floats = {1e25f, 1e-30f})
  void normOfExtremeGradients(float size) {
    Buffers buffers = Buffers.random();
    for (int i = 0; i < COUNT; i++) {
      buffers.gradients[i] *= size;
    }
    Comparison c = compare(step(0, 1), s -> norm(s, buffers));
    double expected = c.expectedStep().gradientNorm();
    assertEquals(expected, c.actualStep().gradientNorm(), 4 * Tolerance.UNIT_ROUNDOFF * expected);
    assertEquals(false, c.actualStep().skipped());
  }

  @ParameterizedTest
  @CsvSource({"0,1", "1,1", "1000,1", "0,64", "0.5,64"})
  void adamW(float clipNorm, float lossScale) {
    Buffers buffers = Buffers.random();
    StepInputs step = step(clipNorm, lossScale);
    for (long updates : new long[] {0, 1, 99_999}) {
      Comparison c = compare(step, s -> update(s, buffers, updates));
      assertEquals(updates + 1, c.actualStep().updates());
      double factor = (double) c.expectedStep().clipFactor() / step.lossScale();
      checkUpdate(c, buffers, updates + 1, step.learningRate(), factor);
    }
  }

  private static void update(Stage s, Buffers buffers, long updates) {
    s.control().restoreUpdates(updates);
    OptimizerState state = state(s, buffers);
    s.ops().globalGradientNorm(state);
    s.ops().adamW(state, SETTINGS);
  }

  private static void checkUpdate(
      Comparison c, Buffers buffers, long update, double rate, double factor) {
    double[] first = new double[COUNT];
    double[] second = new double[COUNT];
    double[] parameters = new double[COUNT];
    double correction1 = 1 - Math.pow(SETTINGS.beta1(), update);
    double correction2 = 1 - Math.pow(SETTINGS.beta2(), update);
    for (ParameterRange range : RANGES) {
      for (int i = (int) range.offset(); i < range.offset() + range.count(); i++) {
        double g = Math.abs(buffers.gradients[i]) * factor;
        first[i] = Math.abs(buffers.first[i]) + g;
        second[i] = buffers.second[i] + g * g;
        double v = SETTINGS.beta2() * buffers.second[i] + (1 - SETTINGS.beta2()) * g * g;
        double root = Math.sqrt(v / correction2) + SETTINGS.epsilon();
        parameters[i] = Math.abs(buffers.parameters[i]) + rate * first[i] / correction1 / root;
      }
    }
    // Factor, two products, a sum; the step adds corrections, a root, a quotient. Padding: exact.
    c.within("firstMoment", Tolerance.scaled(6, first))
        .within("secondMoment", Tolerance.scaled(8, second))
        .within("parameters", Tolerance.scaled(16, parameters));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void nonFiniteGradientSkipsTheUpdate(float bad) {
    int[] places = {0, 64, 126, 191, 192 + 770 * 33 - 1, 25_664 + 16, 25_728 + 200_002};
    Buffers buffers = Buffers.random();
    for (int place : places) {
      float good = buffers.gradients[place];
      buffers.gradients[place] = bad;
      Comparison c = compare(step(1, 1), s -> update(s, buffers, 5));
      assertTrue(c.actualStep().skipped(), () -> bad + " at " + place);
      assertEquals(5, c.actualStep().updates());
      c.sameBits("parameters").sameBits("firstMoment").sameBits("secondMoment");
      Comparison.assertWithin(
          "parameters", buffers.parameters, c.actual("parameters"), Tolerance.exact());
      buffers.gradients[place] = good;
    }
  }

  /** Steps issued behind a bad one leave the weights alone too, until the count is restored. */
  @Test
  void haltOutlastsItsStep() {
    Buffers good = Buffers.random();
    Buffers bad = Buffers.random();
    bad.gradients[0] = Float.NaN;
    Consumer<Stage> badThenGood =
        s -> {
          s.control().haltAfterSkip(true);
          s.control().restoreUpdates(5);
          s.ops().globalGradientNorm(state(s, bad));
          s.control().begin(step(1, 1));
        };
    Comparison halted =
        compare(
            step(1, 1),
            badThenGood.andThen(
                s -> {
                  OptimizerState state = state(s, good);
                  s.ops().globalGradientNorm(state);
                  s.ops().adamW(state, SETTINGS);
                }));
    assertTrue(halted.actualStep().skipped());
    assertEquals(5, halted.actualStep().updates());
    float[] untouched = halted.actual("parameters");
    Comparison.assertWithin("parameters", good.parameters, untouched, Tolerance.exact());
    Comparison again = compare(step(1, 1), badThenGood.andThen(s -> update(s, good, 5)));
    assertEquals(false, again.actualStep().skipped());
    assertEquals(6, again.actualStep().updates());
  }

  /**
   * The scale over a row of good and bad steps: it grows after two good ones in a row, a bad one
   * updates nothing and halves it, and below 1 the run halts.
   */
  @Test
  void dynamicLossScaleFollowsTheSteps() {
    boolean[] good = {true, true, true, false, true, false, false, false, false, true};
    float[] scales = {4, 8, 8, 4, 4, 2, 1, 0.5f, 0.5f, 0.5f};
    int[] tracked = {1, 0, 1, 0, 1, 0, 0, 0, 0, 0};
    int[] updates = {1, 2, 3, 3, 4, 4, 4, 4, 4, 4};
    boolean[] skipped = {false, false, false, true, false, true, true, true, true, true};
    for (int steps = 1; steps <= good.length; steps++) {
      int last = steps - 1;
      Comparison c = compare(step(0.5f, 1), s -> dynamicSteps(s, Arrays.copyOf(good, last + 1)));
      StepOutputs actual = c.actualStep();
      assertEquals(new LossScale(scales[last], tracked[last]), actual.lossScale());
      assertEquals(updates[last], actual.updates());
      assertEquals(skipped[last], actual.skipped());
      assertEquals(c.expectedStep().lossScale(), actual.lossScale());
      if (good[last]) {
        double expected = c.expectedStep().gradientNorm();
        double allowed = 4 * Tolerance.UNIT_ROUNDOFF * expected;
        assertEquals(expected, actual.gradientNorm(), allowed);
      }
    }
  }

  private static void dynamicSteps(Stage s, boolean[] good) {
    Buffers goodBuffers = Buffers.random();
    Buffers badBuffers = Buffers.random();
    badBuffers.gradients[64] = Float.POSITIVE_INFINITY;
    OptimizerState goodState = state(s, goodBuffers);
    OptimizerState badState = state(s, badBuffers);
    s.control().scaleLoss(new LossScaling(2, 0.5f, 2, 1), new LossScale(4, 0));
    for (boolean isGood : good) {
      s.control().begin(step(0.5f, 1));
      OptimizerState state = isGood ? goodState : badState;
      s.ops().globalGradientNorm(state);
      s.ops().adamW(state, SETTINGS);
    }
  }

  /** Gradients are divided by the scale that they were made with, before it moves on. */
  @Test
  void dynamicLossScaleIsTakenOutBeforeClipping() {
    Buffers buffers = Buffers.random();
    LossScaling rules = new LossScaling(2, 0.5f, 1, 1); // grows with this very step
    Comparison c =
        compare(
            step(0.01f, 1),
            s -> {
              s.control().scaleLoss(rules, new LossScale(1024, 0));
              update(s, buffers, 5);
            });
    assertEquals(new LossScale(2048, 0), c.actualStep().lossScale());
    double norm = c.expectedStep().gradientNorm();
    assertEquals(norm, c.actualStep().gradientNorm(), 4 * Tolerance.UNIT_ROUNDOFF * norm);
    assertTrue(c.expectedStep().clipFactor() < 0.5, "a norm that is clipped");
    checkUpdate(c, buffers, 6, 3e-3f, c.expectedStep().clipFactor() / 1024.0);
  }

  /** A skip does not outlast its step. */
  @Test
  void nextStepUpdatesAgain() {
    Buffers good = Buffers.random();
    Buffers bad = Buffers.random();
    bad.gradients[0] = Float.NaN;
    Comparison c =
        compare(
            step(1, 1),
            s -> {
              s.ops().globalGradientNorm(state(s, bad));
              s.control().begin(step(1, 1));
              update(s, good, 5);
            });
    assertEquals(false, c.actualStep().skipped());
    assertEquals(6, c.actualStep().updates());
    checkUpdate(c, good, 6, 3e-3f, c.expectedStep().clipFactor());
  }
}
