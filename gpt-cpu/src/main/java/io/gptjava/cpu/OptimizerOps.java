package io.gptjava.cpu;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.OptimizerState;

/** Gradient norm and AdamW. */
final class OptimizerOps {
  private final WorkerPool pool;
  private final HostStepControl control;

  OptimizerOps(WorkerPool pool, HostStepControl control) {
    this.pool = pool;
    this.control = control;
  }

  void globalGradientNorm(OptimizerState state) {
    throw new UnsupportedOperationException("globalGradientNorm");
  }

  void adamW(OptimizerState state, AdamWSettings settings) {
    throw new UnsupportedOperationException("adamW");
  }
}
