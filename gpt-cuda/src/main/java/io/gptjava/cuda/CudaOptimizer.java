package io.gptjava.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.DType;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Gradient norm and AdamW; the kernels are those of {@code optimizer.cu}. They work through chunks
 * of the parameter ranges, one block each. The table of chunks is made, and copied to the device,
 * at the first op on a list of ranges.
 */
final class CudaOptimizer implements AutoCloseable {
  private static final int THREADS = 256;
  private static final int FINISH_THREADS = 1024;

  /** Most elements of a chunk; a multiple of 16, as offsets are. */
  private static final int CHUNK = 8192;

  private static final int CHUNK_BYTES = 16;

  private final CudaDevice device;
  private final CudaStepControl control;
  private final List<Chunks> tables = new ArrayList<>();

  CudaOptimizer(CudaDevice device, CudaStepControl control) {
    this.device = device;
    this.control = control;
  }

  void globalGradientNorm(OptimizerState state) {
    check(state);
    Chunks chunks = chunks(state.ranges());
    device
        .kernel("gradient_norm")
        .pointer(state.gradients())
        .address(chunks.table.address())
        .address(chunks.partials.address())
        .launch(chunks.count, 1, 1, THREADS, 0);
    device
        .kernel("gradient_norm_finish")
        .address(chunks.partials.address())
        .int32(chunks.count)
        .address(control.address())
        .launch(1, 1, 1, FINISH_THREADS, 0);
  }

  void adamW(OptimizerState state, AdamWSettings settings) {
    check(state);
    Chunks chunks = chunks(state.ranges());
    device
        .kernel("adamw_count")
        .float32(settings.beta1())
        .float32(settings.beta2())
        .address(control.address())
        .launch(1, 1, 1, 1, 0);
    device
        .kernel(computesIn(state, DType.F16) ? "adamw_f16" : "adamw")
        .pointer(state.parameters())
        .pointer(state.gradients())
        .pointer(state.firstMoment())
        .pointer(state.secondMoment())
        .pointerOrNull(state.computeOrNull())
        .address(chunks.table.address())
        .float32(settings.beta1())
        .float32(settings.beta2())
        .float32(settings.epsilon())
        .float32(settings.weightDecay())
        .int32(settings.stochasticRounding() ? 1 : 0)
        .address(control.address())
        .launch(chunks.count, 1, 1, THREADS, 0);
  }

  void roundStochastically(Tensor from, Tensor to, long seed, long updates) {
    long count = to.count();
    CudaOperands.f32("from", from, count);
    CudaOperands.vectorOrNull("to", to, DType.BF16, count);
    CudaOperands.require(
        Launches.packed(DType.F32, 0, from.address() | to.address()), "unaligned", from);
    device
        .kernel("round_stochastically")
        .pointer(from)
        .pointer(to)
        .int64(count)
        .int64(seed)
        .int32((int) updates)
        .launch(Launches.ceiling(count, 4 * THREADS), 1, 1, THREADS, 0);
  }

  private static boolean computesIn(OptimizerState state, DType type) {
    return state.computeOrNull() != null && state.computeOrNull().dtype() == type;
  }

  private static void check(OptimizerState state) {
    long count = state.parameters().count();
    CudaOperands.f32("parameters", state.parameters(), count);
    CudaOperands.f32("gradients", state.gradients(), count);
    CudaOperands.f32("firstMoment", state.firstMoment(), count);
    CudaOperands.f32("secondMoment", state.secondMoment(), count);
    CudaOperands.vectorOrNull(
        "compute",
        state.computeOrNull(),
        computesIn(state, DType.F16) ? DType.F16 : DType.BF16,
        count);
    long addresses =
        state.parameters().address()
            | state.gradients().address()
            | state.firstMoment().address()
            | state.secondMoment().address()
            | Launches.address(state.computeOrNull());
    CudaOperands.require(
        Launches.packed(DType.F32, 0, addresses), "unaligned optimizer state", state.parameters());
  }

  /** The chunks of a list of ranges, and room for a partial sum of each, on the device. */
  private record Chunks(
      List<ParameterRange> ranges, int count, DeviceMemory table, DeviceMemory partials) {}

  private Chunks chunks(List<ParameterRange> ranges) {
    for (Chunks chunks : tables) {
      if (chunks.ranges == ranges) {
        return chunks;
      }
    }
    for (Chunks chunks : tables) {
      if (chunks.ranges.equals(ranges)) {
        return chunks;
      }
    }
    Chunks chunks = upload(ranges);
    tables.add(chunks);
    return chunks;
  }

  private Chunks upload(List<ParameterRange> ranges) {
    long count = 0;
    for (ParameterRange range : ranges) {
      count += Launches.ceiling(range.count(), CHUNK);
    }
    DeviceMemory table = device.allocate("optimizer's chunks", CHUNK_BYTES * count);
    DeviceMemory partials = device.allocate("partial gradient norms", Double.BYTES * count);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(CHUNK_BYTES * count, CHUNK_BYTES);
      long at = 0;
      for (ParameterRange range : ranges) {
        for (long from = 0; from < range.count(); from += CHUNK) {
          host.set(JAVA_LONG, at, range.offset() + from);
          host.set(JAVA_INT, at + 8, (int) Math.min(CHUNK, range.count() - from));
          host.set(JAVA_INT, at + 12, range.decay() ? 1 : 0);
          at += CHUNK_BYTES;
        }
      }
      device.stream().upload(host, table.address());
      device.stream().synchronize(); // the host's table ends here
    }
    return new Chunks(ranges, Math.toIntExact(count), table, partials);
  }

  @Override
  public void close() {
    for (Chunks chunks : tables) {
      chunks.partials.close();
      chunks.table.close();
    }
    tables.clear();
  }
}
