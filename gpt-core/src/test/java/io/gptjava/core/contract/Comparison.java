package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.fail;

import io.gptjava.core.DType;
import io.gptjava.core.StepOutputs;
import java.util.Arrays;
import java.util.Map;

/** Outputs of the same call on the backend under test and on the reference. */
public final class Comparison {
  private final Outcome actual;
  private final Outcome expected;

  /** What one call left behind: output tensors by name, and the step's scalars. */
  record Outcome(Map<String, Stage.Output> tensors, StepOutputs step) {
    void assertSameBits(Outcome other, String message) {
      for (Map.Entry<String, Stage.Output> tensor : tensors.entrySet()) {
        byte[] bytes = other.tensors.get(tensor.getKey()).bytes();
        assertSame(tensor.getValue().bytes(), bytes, message + ": " + tensor.getKey());
      }
      assertEquals(step, other.step, message);
    }

    private static void assertSame(byte[] expected, byte[] actual, String message) {
      int at = Arrays.mismatch(expected, actual);
      assertEquals(-1, at, () -> message + " at byte " + at + " of " + expected.length);
    }

    float[] floats(String name) {
      Stage.Output output = tensors.get(name);
      assertNotNull(output, () -> name + " is not among " + tensors.keySet());
      return NarrowFloats.decode(output.bytes(), output.type());
    }
  }

  Comparison(Outcome actual, Outcome expected) {
    this.actual = actual;
    this.expected = expected;
  }

  /** An output of the backend under test. */
  public float[] actual(String name) {
    return actual.floats(name);
  }

  /** An output of the reference. */
  public float[] expected(String name) {
    return expected.floats(name);
  }

  /** The step's scalars of the backend under test. */
  public StepOutputs actualStep() {
    return actual.step();
  }

  /** The step's scalars of the reference. */
  public StepOutputs expectedStep() {
    return expected.step();
  }

  /** Compares the bytes of an output; its values, where the reference's dtype is another. */
  public Comparison sameBits(String name) {
    Stage.Output wanted = expected.tensors().get(name);
    Stage.Output got = actual.tensors().get(name);
    if (wanted.type() == got.type()) {
      Outcome.assertSame(wanted.bytes(), got.bytes(), name);
    } else {
      assertWithin(name, expected(name), actual(name), Tolerance.exact());
    }
    return this;
  }

  /**
   * Compares an output element by element; NaN and infinities must be where they are expected. An
   * output of a narrow type may be off by its own rounding too.
   *
   * @param tolerance of the value before it is stored
   */
  public Comparison within(String name, Tolerance tolerance) {
    DType type = actual.tensors().get(name).type();
    assertWithin(name, expected(name), actual(name), Tolerance.storedAs(type, tolerance));
    return this;
  }

  /** {@link #within} for arrays. */
  public static void assertWithin(
      String name, float[] expected, float[] actual, Tolerance tolerance) {
    assertEquals(expected.length, actual.length, name);
    int worst = -1;
    double worstRatio = 1;
    int wrong = 0;
    for (int i = 0; i < expected.length; i++) {
      double ratio = ratio(expected[i], actual[i], tolerance.allowed(i, expected[i]));
      if (ratio > 1) {
        wrong++;
        if (ratio > worstRatio) {
          worstRatio = ratio;
          worst = i;
        }
      }
    }
    if (wrong > 0) {
      fail(
          "%s: %d of %d elements are off; worst at %d: expected %s, got %s, %.3g times the allowed %.3g"
              .formatted(
                  name,
                  wrong,
                  expected.length,
                  worst,
                  expected[worst],
                  actual[worst],
                  worstRatio,
                  tolerance.allowed(worst, expected[worst])));
    }
  }

  /** Difference over what is allowed; at most 1 is right. */
  private static double ratio(float expected, float actual, double allowed) {
    if (expected == actual || Float.isNaN(expected) && Float.isNaN(actual)) {
      return 0;
    }
    double difference = Math.abs((double) actual - expected);
    return Double.isFinite(difference) ? difference / allowed : Double.POSITIVE_INFINITY;
  }
}
