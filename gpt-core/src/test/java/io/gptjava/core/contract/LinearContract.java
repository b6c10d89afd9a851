package io.gptjava.core.contract;

import static io.gptjava.core.contract.Data.abs;
import static io.gptjava.core.contract.Data.doubles;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.gptjava.core.Tensor;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Linear layers, forward and backward. Sizes are rows N, inputs K, outputs M. */
public abstract class LinearContract extends OpContract {
  private record Size(int n, int k, int m) {}

  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "7,13,5",
    "33,70,129",
    "200,300,190",
    "513,770,400",
    "40,390,1100",
    "1,96,288",
    "1,770,1001",
    "3,16,16",
    "2,5,1",
    "129,1,40"
  })
  void linear(int n, int k, int m) {
    checkLinear(new Size(n, k, m), new Data(1).normal(m));
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "33,70,129", "200,300,190", "1,770,1001"})
  void linearWithoutBias(int n, int k, int m) {
    checkLinear(new Size(n, k, m), null);
  }

  private void checkLinear(Size z, float[] bias) {
    Data data = new Data(z.n * 31L + z.k * 7L + z.m);
    float[] x = data.normal((long) z.n * z.k);
    float[] weight = data.normal((long) z.k * z.m);
    float[] magnitude = reference("out", s -> linear(s, z, abs(x), abs(weight), abs(bias)));
    compare(s -> linear(s, z, x, weight, bias))
        .within("out", Tolerance.ofSum(z.k, doubles(magnitude)));
  }

  private static void linear(Stage s, Size z, float[] x, float[] weight, float[] bias) {
    s.ops()
        .linear(
            s.floats(x, z.n, z.k),
            s.floats(weight, z.k, z.m),
            s.floatsOrNull(bias, z.m),
            s.output("out", z.n, z.m));
  }

  @Test
  void linearOfThreeDimensions() {
    Data data = new Data(5);
    float[] x = data.normal(2 * 9 * 20);
    float[] weight = data.normal(20 * 60);
    float[] magnitude =
        reference("out", s -> linear(s, new Size(18, 20, 60), abs(x), abs(weight), null));
    compare(
            s ->
                s.ops()
                    .linear(
                        s.floats(x, 2, 9, 20),
                        s.floats(weight, 20, 60),
                        null,
                        s.output("out", 2, 9, 60)))
        .within("out", Tolerance.ofSum(20, doubles(magnitude)));
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "7,13,5", "33,70,129", "200,300,190", "70,390,1100", "1,96,384"})
  void linearGelu(int n, int k, int m) {
    Data data = new Data(n * 31L + k * 7L + m);
    float[] x = data.normal((long) n * k);
    float[] weight = data.normal((long) k * m, 0, 2 / Math.sqrt(k));
    float[] bias = data.normal(m);
    Size size = new Size(n, k, m);
    checkGelu(size, x, weight, bias, true);
    checkGelu(size, x, weight, null, false);
  }

  /** Rows below, at and above what a backend may treat on its own; columns with a tail. */
  @ParameterizedTest
  @CsvSource({"1,1,1", "3,16,16", "7,13,5", "33,70,129", "200,300,190"})
  void linearGeluAgainRestoresTheBits(int n, int k, int m) {
    Data data = new Data(n * 31L + k * 7L + m);
    float[] x = data.normal((long) n * k);
    float[] weight = data.normal((long) k * m, 0, 2 / Math.sqrt(k));
    float[] bias = data.normal(m);
    float[] first = gelu(x, weight, bias, new Size(n, k, m), false);
    float[] again = gelu(x, weight, bias, new Size(n, k, m), true);
    assertArrayEquals(first, again);
  }

  private float[] gelu(float[] x, float[] weight, float[] bias, Size z, boolean again) {
    return actual(
        again ? "again" : "out",
        s -> {
          Tensor in = s.floats(x, z.n, z.k);
          Tensor w = s.floats(weight, z.k, z.m);
          Tensor b = s.floats(bias, z.m);
          Tensor preActivation = s.output("preActivation", z.n, z.m);
          s.ops().linearGelu(in, w, b, preActivation, s.output("out", z.n, z.m));
          s.ops().linearGeluAgain(in, w, b, preActivation, s.output("again", z.n, z.m));
        });
  }

  private void checkGelu(Size z, float[] x, float[] weight, float[] bias, boolean keep) {
    double[] magnitude =
        doubles(reference("out", s -> linear(s, z, abs(x), abs(weight), abs(bias))));
    Comparison c =
        compare(
            s ->
                s.ops()
                    .linearGelu(
                        s.floats(x, z.n, z.k),
                        s.floats(weight, z.k, z.m),
                        s.floatsOrNull(bias, z.m),
                        keep ? s.output("preActivation", z.n, z.m) : null,
                        s.output("out", z.n, z.m)));
    // GELU passes an error on by at most 1.13 and adds some roundoffs of its argument.
    double roundoffs = 1.13 * Tolerance.sumRoundoffs(z.k) + ElementwiseContract.GELU_ROUNDOFFS;
    double[] preActivation = doubles(abs(reference("out", s -> linear(s, z, x, weight, bias))));
    c.within(
        "out",
        Tolerance.scaled(roundoffs, magnitude)
            .plus(Tolerance.scaled(1.13 * storedRoundoffs(), preActivation)));
    if (keep) {
      c.within("preActivation", Tolerance.ofSum(z.k, magnitude));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "7,13,5",
    "33,70,129",
    "200,300,190",
    "513,770,400",
    "40,1100,390",
    "1,96,288",
    "3,16,16"
  })
  void linearBackwardInput(int n, int k, int m) {
    Data data = new Data(n * 31L + k * 7L + m);
    float[] dOut = data.normal((long) n * m);
    float[] weight = data.normal((long) k * m);
    float[] preActivation = data.normal((long) n * k, 0, 2);
    Size size = new Size(n, k, m);
    double[] magnitude =
        doubles(reference("dX", s -> backwardInput(s, size, abs(dOut), abs(weight), null)));
    compare(s -> backwardInput(s, size, dOut, weight, null))
        .within("dX", Tolerance.ofSum(m, magnitude));
    double[] withGelu = new double[magnitude.length];
    for (int i = 0; i < withGelu.length; i++) {
      withGelu[i] = magnitude[i] * ElementwiseContract.geluDerivativeMagnitude(preActivation[i]);
    }
    double roundoffs = Tolerance.sumRoundoffs(m) + ElementwiseContract.GELU_ROUNDOFFS;
    compare(s -> backwardInput(s, size, dOut, weight, preActivation))
        .within(
            "dX",
            Tolerance.scaled(roundoffs, withGelu).plus(Tolerance.relative(storedRoundoffs())));
  }

  private static void backwardInput(
      Stage s, Size z, float[] dOut, float[] weight, float[] preActivation) {
    s.ops()
        .linearBackwardInput(
            s.floats(dOut, z.n, z.m),
            s.floats(weight, z.k, z.m),
            s.floatsOrNull(preActivation, z.n, z.k),
            s.output("dX", z.n, z.k));
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "7,13,5",
    "33,70,129",
    "200,300,190",
    "513,770,400",
    "390,40,1100",
    "1,96,288",
    "129,3,16"
  })
  void linearBackwardWeight(int n, int k, int m) {
    Data data = new Data(n * 31L + k * 7L + m);
    float[] x = data.normal((long) n * k);
    float[] dOut = data.normal((long) n * m);
    float[] before = data.normal((long) k * m);
    float[] biasBefore = data.normal(m);
    Size size = new Size(n, k, m);
    checkBackwardWeight(size, x, dOut, true, null, null);
    checkBackwardWeight(size, x, dOut, true, before, biasBefore);
    checkBackwardWeight(size, x, dOut, false, before, null);
  }

  private void checkBackwardWeight(
      Size z, float[] x, float[] dOut, boolean bias, float[] start, float[] biasStart) {
    Comparison c = compare(s -> backwardWeight(s, z, x, dOut, start, bias, biasStart));
    Consumer<Stage> absolute =
        s -> backwardWeight(s, z, abs(x), abs(dOut), abs(start), bias, abs(biasStart));
    c.within("dWeight", Tolerance.ofSum(z.n, doubles(reference("dWeight", absolute))));
    if (bias) {
      c.within("dBias", Tolerance.ofSum(z.n, doubles(reference("dBias", absolute))));
    }
  }

  /** Accumulates onto what the starts hold; overwrites NaN where they are null. */
  private static void backwardWeight(
      Stage s,
      Size z,
      float[] x,
      float[] dOut,
      float[] weightStart,
      boolean bias,
      float[] biasStart) {
    boolean accumulate = weightStart != null;
    s.ops()
        .linearBackwardWeight(
            s.floats(x, z.n, z.k),
            s.floats(dOut, z.n, z.m),
            s.gradient("dWeight", weightStart, z.k, z.m),
            bias ? s.gradient("dBias", biasStart, z.m) : null,
            accumulate);
  }
}
