package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import io.gptjava.core.reference.ReferenceBackend;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The reference for tensors of a 16-bit type: an op's operands of that type become fp32 before it
 * and are rounded after it. The best that a backend in that type can do, so a contract that it
 * fails is too strict, and a check on model code where no device is.
 */
public final class RoundedReferenceBackend implements Backend {
  private static final Set<String> EXACT =
      Set.of("cast", "copy", "fill", "adamW", "roundStochastically");

  private final Precision precision;
  private final ReferenceBackend backend = new ReferenceBackend();
  private final Ops ops =
      (Ops)
          Proxy.newProxyInstance(
              Ops.class.getClassLoader(),
              new Class<?>[] {Ops.class},
              (_, method, arguments) -> invoke(method, arguments));

  /** A reference for bf16. */
  public RoundedReferenceBackend() {
    this(Precision.BF16);
  }

  /**
   * A reference that also computes in a precision of 16 bits.
   *
   * @param precision BF16 or FP16
   */
  public RoundedReferenceBackend(Precision precision) {
    this.precision = precision;
  }

  private Object invoke(Method method, Object[] arguments) throws Throwable {
    Map<Tensor, Tensor> wide = new IdentityHashMap<>();
    Object[] passed = arguments.clone();
    if (!EXACT.contains(method.getName())) {
      for (int i = 0; i < passed.length; i++) {
        if (passed[i] instanceof Tensor tensor && tensor.dtype() == precision.compute()) {
          passed[i] = wide.computeIfAbsent(tensor, this::widened);
        }
      }
    }
    try {
      Object result = method.invoke(backend.ops(), passed);
      wide.forEach((narrow, wider) -> backend.ops().cast(wider, narrow));
      return result;
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private Tensor widened(Tensor tensor) {
    Memory memory = backend.allocate("widened", tensor.count() * Float.BYTES);
    Tensor wide = Tensor.of(memory, 0, DType.F32, tensor.shape());
    backend.ops().cast(tensor, wide);
    return wide;
  }

  @Override
  public String name() {
    return "rounded reference";
  }

  @Override
  public String description() {
    return "reference, %s operands".formatted(precision.compute());
  }

  @Override
  public Set<Precision> precisions() {
    return Set.of(Precision.FP32, precision);
  }

  @Override
  public Ops ops() {
    return ops;
  }

  @Override
  public StepControl stepControl() {
    return backend.stepControl();
  }

  @Override
  public Memory allocate(String role, long bytes) {
    return backend.allocate(role, bytes);
  }

  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    backend.upload(host, tensor);
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    backend.download(tensor, host);
  }

  @Override
  public void synchronize() {
    backend.synchronize();
  }

  @Override
  public void close() {
    backend.close();
  }
}
