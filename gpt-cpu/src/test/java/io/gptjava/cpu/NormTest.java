package io.gptjava.cpu;

import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NormTest {
  private static final double TOLERANCE = 3e-6;
  private static final Dropout DROPOUT = Dropout.of(0.2f, Philox.PURPOSE_RESIDUAL_DROPOUT, 9);

  @ParameterizedTest
  @CsvSource({"1, 1, 6", "2, 3, 5", "1, 7, 33", "4, 25, 48", "3, 50, 100", "2, 1100, 20"})
  void equalsTheReference(int batch, int sequence, int width) {
    for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
      for (boolean accumulate : new boolean[] {false, true}) {
        Trial.compare(
            TOLERANCE, t -> residual(t, batch, sequence, width, dropout, accumulate, false));
      }
    }
    Trial.compare(TOLERANCE, t -> residual(t, batch, sequence, width, DROPOUT, false, true));
    Trial.compare(TOLERANCE, t -> plain(t, (long) batch * sequence, width));
  }

  private static void residual(
      Trial t,
      int batch,
      int sequence,
      int width,
      Dropout dropout,
      boolean accumulate,
      boolean inPlace) {
    long rows = (long) batch * sequence;
    Tensor residual = t.normal(1, rows, width);
    Tensor branch = t.normal(1, rows, width);
    Tensor gamma = t.normal(1, width);
    Tensor beta = t.normal(1, width);
    Tensor sum = inPlace ? residual : t.poisoned(rows, width);
    Tensor out = t.poisoned(rows, width);
    Tensor mean = t.poisoned(rows);
    Tensor rstd = t.poisoned(rows);
    Ops ops = t.backend().ops();
    ops.residualLayerNorm(residual, branch, dropout, sequence, gamma, beta, sum, out, mean, rstd);
    for (Tensor result : new Tensor[] {sum, out, mean, rstd}) {
      t.result(result);
    }
    Tensor dOut = t.normal(1, rows, width);
    Tensor dSum = t.normal(1, rows, width);
    Tensor dResidual = inPlace ? dSum : t.poisoned(rows, width);
    Tensor dBranch = inPlace ? dOut : t.poisoned(rows, width);
    Tensor dGamma = accumulate ? t.normal(1, width) : t.poisoned(width);
    Tensor dBeta = accumulate ? t.normal(1, width) : t.poisoned(width);
    Tensor workspace = t.workspace(ops.layerNormBackwardWorkspace(rows, width));
    ops.residualLayerNormBackward(
        dOut,
        sum,
        gamma,
        mean,
        rstd,
        dSum,
        dropout,
        sequence,
        dResidual,
        dBranch,
        dGamma,
        dBeta,
        accumulate,
        workspace);
    for (Tensor result : new Tensor[] {dResidual, dBranch, dGamma, dBeta}) {
      t.result(result);
    }
  }

  private static void plain(Trial t, long rows, int width) {
    Tensor x = t.normal(1, rows, width);
    Tensor gamma = t.normal(1, width);
    Tensor beta = t.normal(1, width);
    Tensor out = t.poisoned(rows, width);
    Tensor mean = t.poisoned(rows);
    Tensor rstd = t.poisoned(rows);
    Ops ops = t.backend().ops();
    ops.layerNorm(x, gamma, beta, out, mean, rstd);
    t.result(out);
    Tensor dX = t.poisoned(rows, width);
    Tensor dGamma = t.poisoned(width);
    Tensor dBeta = t.poisoned(width);
    ops.residualLayerNormBackward(
        t.normal(1, rows, width),
        x,
        gamma,
        mean,
        rstd,
        null,
        Dropout.NONE,
        1,
        dX,
        null,
        dGamma,
        dBeta,
        false,
        t.workspace(ops.layerNormBackwardWorkspace(rows, width)));
    t.result(dX);
    t.result(dGamma);
    t.result(dBeta);
  }
}
