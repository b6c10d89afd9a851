package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.Ops;
import io.gptjava.core.StepInputs;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Output head and loss. Sizes are rows N, width C, vocabulary V and its padded size V'. */
public abstract class HeadContract extends OpContract {
  private static final StepInputs SCALED = new StepInputs(1, 7, 1e-3f, 0, 8, 37);

  private record Case(
      int n, int c, int v, int padded, float[] x, float[] weight, int[] targets, StepInputs step) {
    static Case of(int n, int c, int v, int padded, StepInputs step) {
      Data data = new Data(n * 31L + v);
      float[] x = data.normal((long) n * c);
      float[] weight = data.normal((long) padded * c, 0, 2 / Math.sqrt(c));
      for (int i = v * c; i < weight.length; i++) {
        weight[i] = 30 + i % 5; // padding that leaks into the softmax wins it
      }
      int[] targets = data.ids(n, v);
      for (int i = 0; i < n; i++) {
        targets[i] = i % 4 == 1 ? Ops.IGNORED_TARGET : i % 7 == 0 ? v - 1 : targets[i];
      }
      return new Case(n, c, v, padded, x, weight, targets, step);
    }
  }

  /** Softmax plus one-hot: the sizes of the terms of the gradients, and the largest logit's. */
  private static final class Magnitudes {
    final double[] dX;
    final double[] dWeight;
    final double[] dXUnderflow; // Σ|weight| that a dLogit below the normal range of its type meets
    final double[] dWeightUnderflow; // Σ|x|
    double logit;
    double largest;

    Magnitudes(Case z, float[] start) {
      dX = new double[z.n * z.c];
      dWeight = start == null ? new double[z.padded * z.c] : Data.doubles(Data.abs(start));
      dXUnderflow = new double[dX.length];
      dWeightUnderflow = new double[dWeight.length];
      double scale = (double) z.step.lossScale() / z.step.targetCount();
      double[] weights = new double[z.v];
      for (int row = 0; row < z.n; row++) {
        double sum = 0;
        for (int v = 0; v < z.v; v++) {
          double dot = 0;
          double size = 0;
          for (int c = 0; c < z.c; c++) {
            double product = z.x[row * z.c + c] * z.weight[v * z.c + c];
            dot += product;
            size += Math.abs(product);
          }
          weights[v] = Math.exp(dot);
          sum += weights[v];
          logit = Math.max(logit, size);
          largest = Math.max(largest, Math.abs(dot));
        }
        for (int v = 0; v < z.v && z.targets[row] >= 0; v++) {
          double dLogit = scale * (weights[v] / sum + (v == z.targets[row] ? 1 : 0));
          for (int c = 0; c < z.c; c++) {
            dX[row * z.c + c] += dLogit * Math.abs(z.weight[v * z.c + c]);
            dWeight[v * z.c + c] += dLogit * Math.abs(z.x[row * z.c + c]);
            dXUnderflow[row * z.c + c] += Math.abs(z.weight[v * z.c + c]);
            dWeightUnderflow[v * z.c + c] += Math.abs(z.x[row * z.c + c]);
          }
        }
      }
    }

    /**
     * Roundoffs of a logit and a loss; relative ones of a softmax weight.
     *
     * @param stored roundoffs of a logit in memory
     */
    double roundoffs(Case z, double stored) {
      return 2 * (Tolerance.sumRoundoffs(z.c) * logit + stored * largest + Math.log(z.v) + 8);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1,1",
    "1,16,7,128",
    "3,5,130,256",
    "129,33,65,128",
    "67,80,1000,1024",
    "200,48,257,384"
  })
  void headCrossEntropy(int n, int c, int v, int padded) {
    Case plain = Case.of(n, c, v, padded, STEP);
    Case scaled = Case.of(n, c, v, padded, SCALED);
    float[] before = new Data(9).normal((long) padded * c);
    long threeRows = 3L * padded * Float.BYTES;
    check(plain, null, 0); // one row a chunk
    check(plain, null, threeRows);
    check(plain, before, 1 << 30); // all rows at once
    check(scaled, before, threeRows);
    check(scaled, null, 1 << 30);
  }

  private void check(Case z, float[] start, long budget) {
    Magnitudes sizes = new Magnitudes(z, start);
    double stored = storedRoundoffs(); // logits, then their gradients
    double roundoffs = sizes.roundoffs(z, stored);
    double overVocabulary = roundoffs + stored + Tolerance.sumRoundoffs(z.v);
    double overRows = roundoffs + stored + Tolerance.sumRoundoffs(z.n);
    Comparison comparison = compare(z.step, s -> backward(s, z, start, budget));
    comparison
        .within("losses", Tolerance.uniform(roundoffs, 1))
        .within("dX", Tolerance.scaled(overVocabulary, sizes.dX).plus(underflow(sizes.dXUnderflow)))
        .within(
            "dWeight",
            Tolerance.scaled(overRows, sizes.dWeight).plus(underflow(sizes.dWeightUnderflow)));
    checkLoss(comparison, z, roundoffs);
  }

  /** The dynamic scale, beside the constant one, multiplies gradients and not the loss. */
  @ParameterizedTest
  @CsvSource({"5,16,7,128,4096", "67,33,130,256,32"})
  void dynamicLossScale(int n, int c, int v, int padded, float scale) {
    Case z = Case.of(n, c, v, padded, SCALED);
    StepInputs whole = new StepInputs(1, 7, 1e-3f, 0, 8 * scale, 37);
    Case equal = new Case(n, c, v, padded, z.x, z.weight, z.targets, whole);
    Consumer<Stage> call =
        s -> {
          s.control().scaleLoss(LossScaling.GRAD_SCALER, new LossScale(scale, 0));
          backward(s, z, null, 0);
        };
    Magnitudes sizes = new Magnitudes(equal, null);
    double stored = storedRoundoffs();
    double roundoffs = sizes.roundoffs(z, stored) + stored + Tolerance.sumRoundoffs(v + n);
    Comparison comparison = compare(z.step, call);
    comparison
        .within("losses", Tolerance.uniform(roundoffs, 1))
        .within("dX", Tolerance.scaled(roundoffs, sizes.dX).plus(underflow(sizes.dXUnderflow)))
        .within(
            "dWeight",
            Tolerance.scaled(roundoffs, sizes.dWeight).plus(underflow(sizes.dWeightUnderflow)));
    checkLoss(comparison, z, roundoffs);
  }

  /** The padding rows of an overwritten gradient hold exactly 0: they must never move. */
  @ParameterizedTest
  @CsvSource({"5,16,7,128", "67,33,130,256"})
  void paddingHasNoGradient(int n, int c, int v, int padded) {
    Case z = Case.of(n, c, v, padded, STEP);
    float[] dWeight = compare(s -> backward(s, z, null, 1 << 20)).actual("dWeight");
    for (int i = v * c; i < padded * c; i++) {
      assertEquals(0, dWeight[i]);
    }
  }

  @ParameterizedTest
  @CsvSource({"1,16,7,128", "67,33,130,256"})
  void lossOnly(int n, int c, int v, int padded) {
    Case z = Case.of(n, c, v, padded, STEP);
    double roundoffs = new Magnitudes(z, null).roundoffs(z, storedRoundoffs());
    Comparison comparison =
        compare(
            s ->
                s.ops()
                    .headCrossEntropy(
                        s.floats(z.x, n, c),
                        s.floats(z.weight, padded, c),
                        s.ints(z.targets, n),
                        v,
                        s.output32("losses", n),
                        null,
                        null,
                        false,
                        s.workspace(s.ops().headCrossEntropyWorkspace(n, c, padded, 1 << 12))));
    comparison.within("losses", Tolerance.uniform(roundoffs, 1));
    checkLoss(comparison, z, roundoffs);
  }

  private static void checkLoss(Comparison comparison, Case z, double roundoffs) {
    double allowed = roundoffs * Tolerance.UNIT_ROUNDOFF * z.n / z.step.targetCount();
    assertEquals(comparison.expectedStep().loss(), comparison.actualStep().loss(), allowed);
  }

  private static void backward(Stage s, Case z, float[] start, long budget) {
    s.ops()
        .headCrossEntropy(
            s.floats(z.x, z.n, z.c),
            s.floats(z.weight, z.padded, z.c),
            s.ints(z.targets, z.n),
            z.v,
            s.output32("losses", z.n),
            s.output("dX", z.n, z.c),
            s.gradient("dWeight", start, z.padded, z.c),
            start != null,
            s.workspace(s.ops().headCrossEntropyWorkspace(z.n, z.c, z.padded, budget)));
  }

  /** Two calls in a step add up. */
  @ParameterizedTest
  @CsvSource({"5,16,7,128"})
  void lossesAddUp(int n, int c, int v, int padded) {
    Case z = Case.of(n, c, v, padded, STEP);
    double once = compare(s -> backward(s, z, null, 0)).actualStep().loss();
    double twice =
        compare(
                s -> {
                  backward(s, z, null, 0);
                  backward(s, z, null, 0);
                })
            .actualStep()
            .loss();
    assertEquals(2 * once, twice, 1e-12 * once);
  }

  /** A large budget is not exceeded, and never more is asked for than all rows need. */
  @ParameterizedTest
  @CsvSource({"67,33,256"})
  void workspaceKeepsToItsBudget(int n, int c, int padded) {
    Ops ops = subject().ops();
    long all = ops.headCrossEntropyWorkspace(n, c, padded, Long.MAX_VALUE / 2);
    long one = ops.headCrossEntropyWorkspace(n, c, padded, 0);
    long middle = ops.headCrossEntropyWorkspace(n, c, padded, (one + all) / 2);
    assertTrue(one <= middle && middle <= all, one + " " + middle + " " + all);
    assertTrue(middle <= Math.max(one, (one + all) / 2), one + " " + middle + " " + all);
    assertTrue(all <= 8L * (n + 64) * (padded + c + 64), () -> all + " bytes for " + n + " rows");
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,1", "1,80,50,128", "3,33,130,130", "129,5,7,128", "2,770,1001,1024"})
  void headLogits(int n, int c, int v, int padded) {
    Case z = Case.of(n, c, v, padded, STEP);
    float[] sizes = reference("logits", s -> logits(s, z, Data.abs(z.x), Data.abs(z.weight)));
    compare(s -> logits(s, z, z.x, z.weight))
        .within("logits", Tolerance.ofSum(c, Data.doubles(sizes)));
  }

  private static void logits(Stage s, Case z, float[] x, float[] weight) {
    s.ops()
        .headLogits(
            s.floats(x, z.n, z.c), s.floats(weight, z.padded, z.c), s.output32("logits", z.n, z.v));
  }
}
