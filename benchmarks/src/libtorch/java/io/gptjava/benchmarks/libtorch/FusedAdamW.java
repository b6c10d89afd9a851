package io.gptjava.benchmarks.libtorch;

import io.gptjava.core.AdamWSettings;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorType;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch's fused AdamW, {@code aten::_fused_adamw_}, which Python calls for {@code fused=True}.
 * It takes one pass over memory; {@code torch::optim::AdamW} of the C++ interface takes one per
 * elementary operation. It has no Java method, so it is called through the dispatcher.
 */
final class FusedAdamW {
  private final List<Tensor> masters;
  private final List<Tensor> firstMoments = new ArrayList<>();
  private final List<Tensor> secondMoments = new ArrayList<>();
  private final List<Tensor> steps = new ArrayList<>();
  private final AdamWSettings settings;
  private final OperatorHandle operator;

  /** Moments of zeros for fp32 parameters. */
  FusedAdamW(List<Tensor> masters, AdamWSettings settings) {
    this.masters = masters;
    this.settings = settings;
    operator = Dispatcher.singleton().findSchemaOrThrow("aten::_fused_adamw_", "");
    for (Tensor master : masters) {
      firstMoments.add(torch.zeros_like(master));
      secondMoments.add(torch.zeros_like(master));
      steps.add(torch.scalar_tensor(new Scalar(0f)));
    }
  }

  /**
   * Updates.
   *
   * @param gradients fp32, one for each parameter
   */
  void update(List<Tensor> gradients, double learningRate) {
    try (PointerScope _ = new PointerScope();
        NoGradGuard _ = new NoGradGuard()) {
      for (Tensor step : steps) {
        step.add_(new Scalar(1f));
      }
      IValueVector stack = new IValueVector();
      stack.push_back(list(masters));
      stack.push_back(list(gradients));
      stack.push_back(list(firstMoments));
      stack.push_back(list(secondMoments));
      stack.push_back(list(List.of()));
      stack.push_back(list(steps));
      stack.push_back(new IValue(learningRate));
      stack.push_back(new IValue((double) settings.beta1()));
      stack.push_back(new IValue((double) settings.beta2()));
      stack.push_back(new IValue((double) settings.weightDecay()));
      stack.push_back(new IValue((double) settings.epsilon()));
      stack.push_back(new IValue(false)); // amsgrad
      stack.push_back(new IValue(false)); // maximize
      stack.push_back(new IValue()); // grad_scale
      stack.push_back(new IValue()); // found_inf
      operator.callBoxed(stack);
    }
  }

  private static IValue list(List<Tensor> tensors) {
    GenericList list = new GenericList(new Type.TypePtr(TensorType.get()));
    for (Tensor tensor : tensors) {
      list.push_back(new IValue(tensor));
    }
    return new IValue(list);
  }

  /** All of these as a vector, for functions that take one. */
  static TensorVector vector(List<Tensor> tensors) {
    return new TensorVector(tensors.toArray(Tensor[]::new));
  }
}
