package io.gptjava.train;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.MemoryPlan.Slot;
import io.gptjava.train.model.ModelTensors;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/**
 * Finds where a NaN or infinity came from: to be asked for weights, then activations in the order
 * of the forward pass, then gradients in the order of the backward pass.
 */
final class NonFiniteFinder {
  private final Backend backend;
  private final GptModel model;

  NonFiniteFinder(Backend backend, GptModel model) {
    this.backend = backend;
    this.model = model;
  }

  /** Whether all weights are finite, so that a checkpoint is worth writing. */
  boolean weightsAreFinite() {
    return weight().isEmpty();
  }

  /** The first bad weight, described for people. */
  Optional<String> weight() {
    return firstParameter(model.masters(), model.layout().parameters())
        .map(name -> "weight " + name);
  }

  /** The first bad gradient in the order of the backward pass, described for people. */
  Optional<String> gradient() {
    return firstParameter(model.gradients().flat(), model.layout().parameters().reversed())
        .map(name -> "gradient of " + name);
  }

  /** The first bad activation of the micro-batch computed last, described for people. */
  Optional<String> activation() {
    return model.allocation().plan().slots().stream()
        .filter(slot -> slot.role() == Role.ACTIVATIONS && slot.dtype() != DType.I32)
        .filter(slot -> !slot.name().startsWith("gradient"))
        .filter(slot -> !finite(model.allocation().tensor(slot)))
        .map(Slot::name)
        .map(name -> "activation " + name)
        .findFirst();
  }

  private Optional<String> firstParameter(Tensor flat, List<Parameter> parameters) {
    return parameters.stream()
        .filter(p -> !finite(ModelTensors.view(flat, p)))
        .map(Parameter::name)
        .findFirst();
  }

  private boolean finite(Tensor tensor) {
    if (tensor.memory().hostAccessible()) {
      return finite(tensor.dtype(), tensor.segment());
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(tensor.byteSize());
      backend.download(tensor, host);
      return finite(tensor.dtype(), host);
    }
  }

  private static boolean finite(DType type, MemorySegment values) {
    long count = values.byteSize() / type.bytes();
    for (long i = 0; i < count; i++) {
      if (!Float.isFinite(value(type, values, i))) {
        return false;
      }
    }
    return true;
  }

  private static float value(DType type, MemorySegment values, long i) {
    return switch (type) {
      case F32 -> values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      case BF16 -> Float.intBitsToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
      case F16 -> Float.float16ToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT, i));
      case I32, U8 -> throw new IllegalArgumentException(type + " is not a float type");
    };
  }
}
