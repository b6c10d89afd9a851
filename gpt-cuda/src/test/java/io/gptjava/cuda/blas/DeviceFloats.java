package io.gptjava.cuda.blas;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DType;
import io.gptjava.core.contract.Data;
import io.gptjava.core.contract.NarrowFloats;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Floats in device memory between two fences of NaNs. */
final class DeviceFloats implements AutoCloseable {
  private static final int FENCE = 32; // elements

  private final CudaDevice device;
  private final DType type;
  private final float[] start;
  private final int before;
  private final DeviceMemory memory;

  /**
   * Memory with these values, rounded to the type.
   *
   * @param shift elements by which they begin off the alignment of an allocation
   */
  DeviceFloats(CudaDevice device, DType type, float[] values, int shift) {
    this.device = device;
    this.type = type;
    this.start = NarrowFloats.round(values, type);
    this.before = FENCE + shift;
    this.memory =
        device.allocate("operand", (before + values.length + FENCE) * (long) type.bytes());
    reset();
  }

  /** Memory with normal values. */
  static DeviceFloats normal(CudaDevice device, Data data, DType type, long count, int shift) {
    return new DeviceFloats(device, type, data.normal(count), shift);
  }

  /** The values it began with. */
  float[] start() {
    return start;
  }

  /** Where the values begin. */
  long address() {
    return memory.address() + before * (long) type.bytes();
  }

  /** Writes the values it began with. */
  void reset() {
    float[] all = new float[before + start.length + FENCE];
    Arrays.fill(all, Float.NaN);
    System.arraycopy(start, 0, all, before, start.length);
    byte[] bytes = NarrowFloats.encode(all, type);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      device.stream().upload(host, memory.address());
      device.stream().synchronize();
    }
  }

  /** The values now, after checking the fences. */
  float[] read() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(memory.bytes());
      device.stream().download(memory.address(), host);
      device.stream().synchronize();
      float[] all = NarrowFloats.decode(host.toArray(ValueLayout.JAVA_BYTE), type);
      for (int i = 0; i < all.length; i++) {
        boolean outside = i < before || i >= before + start.length;
        assertTrue(!outside || Float.isNaN(all[i]), "written outside, at " + (i - before));
      }
      return Arrays.copyOfRange(all, before, before + start.length);
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
