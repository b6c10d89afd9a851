package io.gptjava.core.contract;

import static io.gptjava.core.contract.Data.abs;

import io.gptjava.core.Dropout;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Layer normalisation and the residual link. Sizes are rows N, width C, mean of the input. */
public abstract class NormContract extends OpContract {
  private static final Dropout DROPOUT = Dropout.of(0.25f, Philox.PURPOSE_RESIDUAL_DROPOUT, 5);

  /** A forward pass's inputs. */
  private record Case(
      int n, int c, int rowsPerSample, float[] x, float[] branch, float[] gamma, float[] beta) {
    static Case of(int n, int c, double mean) {
      Data data = new Data(n * 31L + c);
      float[] x = data.normal((long) n * c, mean, 1);
      float[] branch = data.normal((long) n * c);
      int rowsPerSample = n % 3 == 0 ? n / 3 : n;
      return new Case(n, c, rowsPerSample, x, branch, data.normal(c, 1, 0.3), data.normal(c));
    }
  }

  /** Statistics of the rows and what their roundings allow. */
  private static final class Bounds {
    final double[] out;
    final double[] mean;
    final double roundoffs;
    final double rstdRoundoffs;

    /**
     * @param terms magnitudes of the terms that x was added up from
     * @param stored roundoffs of x itself
     */
    Bounds(Case z, float[] terms, double stored, float[] mean, float[] rstd) {
      out = new double[z.n * z.c];
      this.mean = new double[z.n];
      roundoffs = 4 + Tolerance.sumRoundoffs(z.c) + stored;
      double worst = 0;
      for (int i = 0; i < out.length; i++) {
        int row = i / z.c;
        // What cancels in x − mean is rounded at its full size.
        double normalised = (Math.abs(terms[i]) + Math.abs(mean[row])) * rstd[row];
        out[i] = normalised * Math.abs(z.gamma[i % z.c]) + Math.abs(z.beta[i % z.c]);
        this.mean[row] += Math.abs(terms[i]) / z.c;
        worst = Math.max(worst, Math.abs(terms[i]) * rstd[row]);
      }
      // d rstd / rstd = Σ (x − mean) dx / (C · variance) ≤ rms(dx) · rstd.
      rstdRoundoffs = roundoffs + worst * (1 + stored);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1,16,0",
    "3,33,0.5",
    "129,80,0",
    "17,770,-3",
    "3,770,1000",
    "2,5,0",
    "64,48,1",
    "3,12288,0",
    "2,10000,-2",
    "2,9001,0"
  })
  void layerNorm(int n, int c, double mean) {
    Case z = Case.of(n, c, mean);
    Comparison comparison = compare(s -> forward(s, z, z.gamma, z.beta));
    Bounds bounds = new Bounds(z, z.x, 0, comparison.expected("mean"), comparison.expected("rstd"));
    checkForward(comparison, bounds);
  }

  private static void checkForward(Comparison comparison, Bounds bounds) {
    comparison
        .within("mean", Tolerance.scaled(bounds.roundoffs, bounds.mean))
        .within("rstd", Tolerance.relative(bounds.rstdRoundoffs))
        .within("out", Tolerance.scaled(bounds.roundoffs, bounds.out));
  }

  private static void forward(Stage s, Case z, float[] gamma, float[] beta) {
    s.ops()
        .layerNorm(
            s.floats(z.x, z.n, z.c),
            s.floats(gamma, z.c),
            s.floats(beta, z.c),
            s.output("out", z.n, z.c),
            s.output32("mean", z.n),
            s.output32("rstd", z.n));
  }

  @ParameterizedTest
  @CsvSource({
    "1,16,0",
    "3,33,0.5",
    "129,80,0",
    "18,770,-3",
    "2,5,0",
    "64,48,1",
    "3,12288,0",
    "2,10000,-2"
  })
  void residualLayerNorm(int n, int c, double centre) {
    Case z = Case.of(n, c, centre);
    for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
      for (boolean inPlace : new boolean[] {false, true}) {
        Comparison comparison = compare(s -> residual(s, z, dropout, inPlace));
        double[] terms = new double[z.x.length];
        float[] sizes = new float[z.x.length];
        for (int i = 0; i < terms.length; i++) {
          terms[i] = Math.abs(z.x[i]) + dropout.scale() * Math.abs(z.branch[i]);
          sizes[i] = (float) terms[i];
        }
        comparison.within("residualOut", Tolerance.scaled(2, terms));
        // Statistics and output may come from the sum before or after it is stored.
        float[] mean = comparison.expected("mean");
        float[] rstd = comparison.expected("rstd");
        checkForward(comparison, new Bounds(z, sizes, storedRoundoffs(), mean, rstd));
      }
    }
  }

  private static void residual(Stage s, Case z, Dropout dropout, boolean inPlace) {
    Tensor sum =
        inPlace ? s.inOut("residualOut", z.x, z.n, z.c) : s.output("residualOut", z.n, z.c);
    s.ops()
        .residualLayerNorm(
            inPlace ? sum : s.floats(z.x, z.n, z.c),
            s.floats(z.branch, z.n, z.c),
            dropout,
            z.rowsPerSample,
            s.floats(z.gamma, z.c),
            s.floats(z.beta, z.c),
            sum,
            s.output("out", z.n, z.c),
            s.output32("mean", z.n),
            s.output32("rstd", z.n));
  }

  /** One call of the backward op: which tensors are absent, shared or added to. */
  private record Variant(
      Dropout dropout,
      boolean later,
      boolean inPlace,
      boolean branch,
      boolean branchIsOut,
      boolean accumulate) {}

  private static final Variant[] VARIANTS = {
    new Variant(Dropout.NONE, false, false, false, false, false),
    new Variant(Dropout.NONE, true, false, false, false, true),
    new Variant(Dropout.NONE, true, true, true, true, false),
    new Variant(DROPOUT, true, false, true, false, true),
    new Variant(DROPOUT, true, true, true, false, false),
    new Variant(DROPOUT, true, true, true, true, true),
    new Variant(DROPOUT, false, false, true, true, false),
  };

  /** Gradients that come in. */
  private record Gradients(
      float[] out, float[] later, float[] gamma, float[] beta, float[] mean, float[] rstd) {}

  @ParameterizedTest
  @CsvSource({
    "1,16,0",
    "3,33,0.5",
    "129,80,0",
    "18,770,-3",
    "2,5,0",
    "64,48,1",
    "513,7,0",
    "3,12288,0",
    "5,10000,-2",
    "2,6147,0"
  })
  void residualLayerNormBackward(int n, int c, double mean) {
    Case z = Case.of(n, c, mean);
    Data data = new Data(c);
    float[] dOut = data.normal((long) n * c);
    float[] later = data.normal((long) n * c);
    float[] dGamma = data.normal(c);
    float[] dBeta = data.normal(c);
    float[] means = reference("mean", s -> forward(s, z, z.gamma, z.beta));
    float[] rstds = reference("rstd", s -> forward(s, z, z.gamma, z.beta));
    Gradients g = new Gradients(dOut, later, dGamma, dBeta, means, rstds);
    for (Variant variant : VARIANTS) {
      Comparison comparison = compare(s -> backward(s, z, g, variant));
      double[] input = inputMagnitudes(z, g, variant);
      double roundoffs = 4 + Tolerance.sumRoundoffs(c);
      comparison.within("dResidual", Tolerance.scaled(roundoffs, input));
      if (variant.branch) {
        roundoffs *= variant.dropout.scale();
        comparison.within(
            "dBranch",
            Tolerance.scaled(roundoffs, input).plus(Tolerance.relative(storedRoundoffs())));
      }
      double[][] parameters = parameterMagnitudes(z, g, variant);
      comparison.within("dGamma", Tolerance.ofSum(n, parameters[0]));
      comparison.within("dBeta", Tolerance.ofSum(n, parameters[1]));
    }
  }

  /** Terms of rstd·(dn − Σdn/C − x̂·Σ(dn⊙x̂)/C) + later, where dn = dOut ⊙ gamma. */
  private static double[] inputMagnitudes(Case z, Gradients g, Variant variant) {
    double[] result = new double[z.n * z.c];
    float[] gamma = abs(z.gamma);
    for (int row = 0; row < z.n; row++) {
      double sum = 0;
      double product = 0;
      for (int c = 0; c < z.c; c++) {
        double dNormalised = Math.abs(g.out[row * z.c + c]) * gamma[c];
        sum += dNormalised / z.c;
        product += dNormalised * normalised(z, g, row, c) / z.c;
      }
      for (int c = 0; c < z.c; c++) {
        double dNormalised = Math.abs(g.out[row * z.c + c]) * gamma[c];
        double later = variant.later ? Math.abs(g.later[row * z.c + c]) : 0;
        result[row * z.c + c] =
            g.rstd[row] * (dNormalised + sum + normalised(z, g, row, c) * product) + later;
      }
    }
    return result;
  }

  private static double normalised(Case z, Gradients g, int row, int c) {
    return (Math.abs(z.x[row * z.c + c]) + Math.abs(g.mean[row])) * g.rstd[row];
  }

  private static double[][] parameterMagnitudes(Case z, Gradients g, Variant variant) {
    double[][] result = new double[2][z.c];
    for (int c = 0; c < z.c; c++) {
      result[0][c] = variant.accumulate ? Math.abs(g.gamma[c]) : 0;
      result[1][c] = variant.accumulate ? Math.abs(g.beta[c]) : 0;
      for (int row = 0; row < z.n; row++) {
        double dOut = Math.abs(g.out[row * z.c + c]);
        result[0][c] += dOut * normalised(z, g, row, c);
        result[1][c] += dOut;
      }
    }
    return result;
  }

  private static void backward(Stage s, Case z, Gradients g, Variant v) {
    Tensor dResidual =
        v.inPlace ? s.inOut("dResidual", g.later, z.n, z.c) : s.output("dResidual", z.n, z.c);
    Tensor later = v.inPlace ? dResidual : v.later ? s.floats(g.later, z.n, z.c) : null;
    Tensor dOut = v.branchIsOut ? s.inOut("dBranch", g.out, z.n, z.c) : s.floats(g.out, z.n, z.c);
    Tensor dBranch = v.branchIsOut ? dOut : v.branch ? s.output("dBranch", z.n, z.c) : null;
    s.ops()
        .residualLayerNormBackward(
            dOut,
            s.floats(z.x, z.n, z.c),
            s.floats(z.gamma, z.c),
            s.floats32(g.mean, z.n),
            s.floats32(g.rstd, z.n),
            later,
            v.dropout,
            z.rowsPerSample,
            dResidual,
            dBranch,
            s.gradient("dGamma", v.accumulate ? g.gamma : null, z.c),
            s.gradient("dBeta", v.accumulate ? g.beta : null, z.c),
            v.accumulate,
            s.workspace(s.ops().layerNormBackwardWorkspace(z.n, z.c)));
  }
}
