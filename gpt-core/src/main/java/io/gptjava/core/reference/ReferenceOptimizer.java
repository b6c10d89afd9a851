package io.gptjava.core.reference;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.BFloat16;
import io.gptjava.core.DType;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.lang.foreign.ValueLayout;

/** Gradient norm and AdamW. */
final class ReferenceOptimizer {
  private final HostStepControl control;

  ReferenceOptimizer(HostStepControl control) {
    this.control = control;
  }

  void globalGradientNorm(OptimizerState state) {
    Elements gradients =
        Elements.floats("gradients", state.gradients(), state.parameters().count());
    double squares = 0;
    for (ParameterRange range : state.ranges()) {
      for (long i = range.offset(); i < range.offset() + range.count(); i++) {
        squares += gradients.get(i) * gradients.get(i);
      }
    }
    control.gradientNorm(Math.sqrt(squares));
  }

  void adamW(OptimizerState state, AdamWSettings settings) {
    long count = state.parameters().count();
    Elements parameters = Elements.floats("parameters", state.parameters(), count);
    Elements gradients = Elements.floats("gradients", state.gradients(), count);
    Elements first = Elements.floats("firstMoment", state.firstMoment(), count);
    Elements second = Elements.floats("secondMoment", state.secondMoment(), count);
    if (control.skipped()) {
      return;
    }
    long update = control.nextUpdate();
    double rate = control.inputs().learningRate();
    double beta1 = settings.beta1();
    double beta2 = settings.beta2();
    double correction1 = 1 - Math.pow(beta1, update);
    double correction2 = 1 - Math.pow(beta2, update);
    for (ParameterRange range : state.ranges()) {
      double kept = range.decay() ? 1 - rate * settings.weightDecay() : 1;
      for (long i = range.offset(); i < range.offset() + range.count(); i++) {
        double g = gradients.get(i) * control.gradientFactor();
        double m = beta1 * first.get(i) + (1 - beta1) * g;
        double v = beta2 * second.get(i) + (1 - beta2) * g * g;
        double step = m / correction1 / (Math.sqrt(v / correction2) + settings.epsilon());
        first.set(i, m);
        second.set(i, v);
        parameters.set(i, kept * parameters.get(i) - rate * step);
      }
    }
    Tensor compute = state.computeOrNull();
    if (compute == null) {
      return;
    }
    if (settings.stochasticRounding() && compute.dtype() == DType.BF16) {
      roundStochastically(state.parameters(), compute, control.inputs().seed(), update);
    } else {
      ReferencePlumbing.cast(state.parameters(), compute);
    }
  }

  void roundStochastically(Tensor from, Tensor to, long seed, long updates) {
    Elements x = Elements.floats("from", from, to.count());
    if (to.dtype() != DType.BF16) {
      throw new IllegalArgumentException("stochastic rounding is to BF16, not " + to.dtype());
    }
    int[] words = new int[4];
    for (long i = 0; i < to.count(); i++) {
      int lane = (int) (i & 7);
      if (lane == 0) {
        Philox.block(seed, i >>> 3, (int) updates, Philox.PURPOSE_STOCHASTIC_ROUNDING, 0, words, 0);
      }
      int random16 = words[lane >> 1] >>> 16 * (lane & 1) & 0xffff;
      short rounded = BFloat16.roundByChance((float) x.get(i), random16);
      to.segment().setAtIndex(ValueLayout.JAVA_SHORT, i, rounded);
    }
  }
}
