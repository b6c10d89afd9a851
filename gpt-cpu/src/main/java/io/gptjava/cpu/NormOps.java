package io.gptjava.cpu;

import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;

/** Layer normalisation and the residual stream. */
final class NormOps {
  private final WorkerPool pool;
  private final HostStepControl control;

  NormOps(WorkerPool pool, HostStepControl control) {
    this.pool = pool;
    this.control = control;
  }

  void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd) {
    throw new UnsupportedOperationException("layerNorm");
  }

  void residualLayerNorm(
      Tensor residual,
      Tensor branch,
      Dropout dropout,
      int rowsPerSample,
      Tensor gamma,
      Tensor beta,
      Tensor residualOut,
      Tensor out,
      Tensor mean,
      Tensor rstd) {
    throw new UnsupportedOperationException("residualLayerNorm");
  }

  void residualLayerNormBackward(
      Tensor dOut,
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor rstd,
      Tensor dResidualOutOrNull,
      Dropout dropout,
      int rowsPerSample,
      Tensor dResidual,
      Tensor dBranchOrNull,
      Tensor dGamma,
      Tensor dBeta,
      boolean accumulate,
      Tensor workspace) {
    throw new UnsupportedOperationException("residualLayerNormBackward");
  }

  long layerNormBackwardWorkspace(long rows, int width) {
    throw new UnsupportedOperationException("layerNormBackwardWorkspace");
  }
}
