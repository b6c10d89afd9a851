package io.gptjava.core.contract;

import static io.gptjava.core.contract.Data.abs;
import static io.gptjava.core.contract.Data.doubles;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** GELU, softmax, conversions, fills and copies. */
public abstract class ElementwiseContract extends OpContract {
  /** Roundoffs of a GELU relative to its argument: a cubic, a tanh of some ulp, two products. */
  static final double GELU_ROUNDOFFS = 8;

  /**
   * Size of the terms of gelu'(x) = ½(1 + tanh) + ½x(1 − tanh²)·inner'. Beyond 6 the tanh rounds to
   * ±1, so that the second term is 0.
   */
  static double geluDerivativeMagnitude(double x) {
    double size = Math.abs(x) > 6 ? 0 : Math.abs(x);
    return 1.13 + 0.5 * size * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * size * size);
  }

  /** Ordinary values and those where a careless tanh overflows, cancels or gives NaN. */
  private static float[] arguments(int count) {
    float[] x = new Data(count).normal(count, 0, 3);
    float[] special = {0, -0f, 1e-30f, -1e-30f, 1e-6f, 5, -5, 9, -9, 30, -30, 88, -88, 1e4f, -1e4f};
    for (int i = 0; i < special.length && 2 * i + 1 < count; i++) {
      x[2 * i + 1] = special[i];
    }
    return x;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 31, 129, 4099})
  void gelu(int count) {
    float[] x = arguments(count);
    Tolerance tolerance = Tolerance.scaled(GELU_ROUNDOFFS, doubles(abs(x)));
    compare(s -> s.ops().gelu(s.floats(x, count), s.output("out", count))).within("out", tolerance);
    compare(
            s -> {
              Tensor both = s.inOut("out", x, count);
              s.ops().gelu(both, both);
            })
        .within("out", tolerance);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 31, 129, 4099})
  void geluBackward(int count) {
    float[] x = arguments(count);
    float[] dOut = new Data(1).normal(count);
    double[] magnitude = new double[count];
    for (int i = 0; i < count; i++) {
      magnitude[i] = Math.abs(dOut[i]) * geluDerivativeMagnitude(x[i]);
    }
    Tolerance tolerance = Tolerance.scaled(GELU_ROUNDOFFS, magnitude);
    compare(
            s ->
                s.ops()
                    .geluBackward(s.floats(x, count), s.floats(dOut, count), s.output("dX", count)))
        .within("dX", tolerance);
    compare(
            s -> {
              Tensor both = s.inOut("dX", dOut, count);
              s.ops().geluBackward(s.floats(x, count), both, both);
            })
        .within("dX", tolerance);
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "1,9,5", "3,17,1", "129,64,3", "5,1003,30", "2,40,300"})
  void softmax(int n, int m, double spread) {
    float[] x = new Data(n + m).normal((long) n * m, 50, spread);
    double range = 2 * (Data.maxAbs(x) + 50);
    // exp turns the rounding of its argument into a relative error.
    Tolerance tolerance = Tolerance.relative(range + 8 + Tolerance.sumRoundoffs(m));
    compare(s -> s.ops().softmax(s.floats(x, n, m), s.output("out", n, m)))
        .within("out", tolerance);
    compare(
            s -> {
              Tensor both = s.inOut("out", x, n, m);
              s.ops().softmax(both, both);
            })
        .within("out", tolerance);
  }

  /** Masked out, as sampling does: weight 0, and the others as if it were not there. */
  @Test
  void softmaxOfMinusInfinity() {
    int m = 37;
    float[] x = new Data(m).normal(3 * m, 0, 3);
    for (int i = 0; i < m; i++) {
      x[i] = i % 3 == 0 ? Float.NEGATIVE_INFINITY : x[i];
      x[m + i] = i == 20 ? x[m + i] : Float.NEGATIVE_INFINITY;
    }
    double range = 3 * 6 * 2;
    compare(s -> s.ops().softmax(s.floats(x, 3, m), s.output("out", 3, m)))
        .within("out", Tolerance.relative(range + 8 + Tolerance.sumRoundoffs(m)));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "1,9", "3,17", "129,64", "5,1003"})
  void softmaxBackward(int n, int m) {
    Data data = new Data(n + m);
    float[] x = data.normal((long) n * m, 0, 2);
    float[] dOut = data.normal((long) n * m);
    float[] out = reference("out", s -> s.ops().softmax(s.floats(x, n, m), s.output("out", n, m)));
    double[] magnitude = new double[n * m];
    for (int row = 0; row < n; row++) {
      double sum = 0;
      for (int i = row * m; i < (row + 1) * m; i++) {
        sum += out[i] * Math.abs(dOut[i]);
      }
      for (int i = row * m; i < (row + 1) * m; i++) {
        magnitude[i] = out[i] * (Math.abs(dOut[i]) + sum);
      }
    }
    Tolerance tolerance = Tolerance.ofSum(m, magnitude);
    compare(
            s ->
                s.ops()
                    .softmaxBackward(
                        s.floats(out, n, m), s.floats(dOut, n, m), s.output("dX", n, m)))
        .within("dX", tolerance);
    compare(
            s -> {
              Tensor both = s.inOut("dX", dOut, n, m);
              s.ops().softmaxBackward(s.floats(out, n, m), both, both);
            })
        .within("dX", tolerance);
  }

  /** Every value that a 16-bit float can hold, and halfway and nearly halfway between. */
  private static float[] roundingCases(DType narrow) {
    float[] values = new float[3 * 65_536];
    for (int bits = 0; bits < 65_536; bits++) {
      float exact =
          narrow == DType.BF16
              ? Float.intBitsToFloat(bits << 16)
              : Float.float16ToFloat((short) bits);
      int halfway = Float.floatToRawIntBits(exact) + (narrow == DType.BF16 ? 1 << 15 : 1 << 12);
      values[3 * bits] = exact;
      values[3 * bits + 1] = Float.isNaN(exact) ? exact : Float.intBitsToFloat(halfway);
      values[3 * bits + 2] = Float.isNaN(exact) ? exact : Float.intBitsToFloat(halfway - 1);
    }
    return values;
  }

  @ParameterizedTest
  @ValueSource(strings = {"BF16", "F16"})
  void castRoundsToNearestEven(DType narrow) {
    float[] values = roundingCases(narrow);
    Comparison c =
        compare(
            s -> {
              Tensor half = s.output("half", narrow, values.length);
              s.ops().cast(s.floats32(values, values.length), half);
              s.ops().cast(half, s.output32("back", values.length));
            });
    c.within("back", Tolerance.exact()); // NaNs may keep any payload
    float[] back = c.actual("back");
    for (int bits = 0; bits < 65_536; bits++) {
      assertEquals(values[3 * bits], back[3 * bits], "a value that both types hold");
    }
  }

  @Test
  void castBetweenEqualTypesCopies() {
    float[] values = new Data(1).normal(77);
    compare(s -> s.ops().cast(s.floats(values, 77), s.output("to", 7, 11))).sameBits("to");
  }

  @ParameterizedTest
  @CsvSource({"1,0", "5,1.5", "67,-2.25", "4099,NaN"})
  void fill(int count, float value) {
    compare(s -> s.ops().fill(s.output32("tensor", count), value))
        .within("tensor", Tolerance.exact());
  }

  @Test
  void copy() {
    float[] values = new Data(1).normal(4099);
    compare(s -> s.ops().copy(s.floats(values, 4099), s.output("to", 4099))).sameBits("to");
    byte[] bytes = ByteBuffer.allocate(12).order(ByteOrder.nativeOrder()).putInt(4, 77).array();
    compare(s -> s.ops().copy(s.raw(DType.I32, bytes, 3), s.output("to", DType.I32, 3)))
        .sameBits("to");
    compare(s -> s.ops().copy(s.raw(DType.BF16, bytes, 6), s.output("to", DType.BF16, 6)))
        .sameBits("to");
  }
}
