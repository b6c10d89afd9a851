package io.gptjava.train.run;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.ParameterLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Memory without ops; as a device's, the host may touch it only through upload and download. */
final class FakeBackend implements Backend {
  private final Arena arena = Arena.ofShared();
  private final boolean device;

  FakeBackend(boolean device) {
    this.device = device;
  }

  /** Parameters, gradients and moments of a layout. */
  OptimizerState state(ParameterLayout layout) {
    return new OptimizerState(
        flat("parameters", layout),
        flat("gradients", layout),
        flat("first moment", layout),
        flat("second moment", layout),
        null,
        layout.ranges(true));
  }

  private Tensor flat(String role, ParameterLayout layout) {
    return Tensor.of(allocate(role, layout.size() * 4), 0, DType.F32, layout.size());
  }

  /** Parameters and moments as they are at a step: anything, but always the same. */
  void fill(ParameterLayout layout, OptimizerState state, long step) {
    fill(layout, state.parameters(), step * 3);
    fill(layout, state.firstMoment(), step * 3 + 1);
    fill(layout, state.secondMoment(), step * 3 + 2);
  }

  private void fill(ParameterLayout layout, Tensor tensor, long salt) {
    new FlatParameters(this, layout, tensor)
        .write(
            (parameter, target) -> {
              float[] values = new float[(int) parameter.logicalCount()];
              for (int i = 0; i < values.length; i++) {
                values[i] = value(salt, parameter.offset() + i);
              }
              MemorySegment.copy(values, 0, target, ValueLayout.JAVA_FLOAT, 0, values.length);
            });
  }

  private static float value(long salt, long index) {
    long mixed = (salt * 0x9E3779B97F4A7C15L + index) * 0xD1342543DE82EF95L;
    return Float.intBitsToFloat((int) (mixed >>> 41) | 0x3F800000) - 1.5f;
  }

  /** The bytes of a tensor, copied out. */
  byte[] bytes(Tensor tensor) {
    try (Arena copies = Arena.ofConfined()) {
      MemorySegment copy = copies.allocate(tensor.byteSize());
      download(tensor, copy);
      return copy.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Override
  public String name() {
    return "fake";
  }

  @Override
  public String description() {
    return "fake";
  }

  @Override
  public Ops ops() {
    throw new UnsupportedOperationException();
  }

  @Override
  public StepControl stepControl() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Memory allocate(String role, long bytes) {
    return new Memory(role, arena.allocate(bytes, 64), !device);
  }

  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    MemorySegment.copy(host, 0, tensor.memory().segment(), tensor.byteOffset(), tensor.byteSize());
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    MemorySegment.copy(tensor.memory().segment(), tensor.byteOffset(), host, 0, tensor.byteSize());
  }

  @Override
  public void synchronize() {}

  @Override
  public void close() {
    arena.close();
  }
}
