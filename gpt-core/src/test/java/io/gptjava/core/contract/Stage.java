package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors of one call of an op on one backend. Outputs and workspaces begin as NaN, so that an
 * element that is not written, or read before it is written, shows. Every tensor stands between two
 * fences of NaNs: a read beyond its end poisons the result, a write is found afterwards. Inputs
 * must come back unchanged.
 *
 * <p>Activations and weights have the dtype under test, all else is F32. Values that a narrow dtype
 * does not hold are rounded to it; the reference, which computes in F32, gets the rounded ones too.
 */
public final class Stage {
  private static final int FENCE_BYTES = 64; // keeps the alignment of the allocation
  private static final int FENCE = 0x7FC0_5EED; // as float a NaN, as int no valid token

  private final Backend backend;
  private final DType type;
  private final DType rounding;
  private final List<Slot> slots = new ArrayList<>();

  private enum Use {
    INPUT,
    OUTPUT,
    WORKSPACE
  }

  /** What a call left in an output. */
  record Output(DType type, byte[] bytes) {}

  private record Slot(String name, Use use, Tensor tensor, Tensor fenced, byte[] before) {}

  /** A stage on which activations and weights are F32. */
  Stage(Backend backend) {
    this(backend, DType.F32, DType.F32);
  }

  /**
   * A stage for one backend.
   *
   * @param type of activations and weights
   * @param rounding type that inputs of this kind are rounded to before they become {@code type}
   */
  Stage(Backend backend, DType type, DType rounding) {
    this.backend = backend;
    this.type = type;
    this.rounding = rounding;
  }

  /** The ops under test. */
  public Ops ops() {
    return backend.ops();
  }

  /** The step control that belongs to the ops. */
  public StepControl control() {
    return backend.stepControl();
  }

  /** Activations or weights. */
  public Tensor floats(float[] values, long... shape) {
    return slot("input", Use.INPUT, type, typed(values), shape);
  }

  /** An F32 input: statistics, gradients of weights, optimizer state. */
  public Tensor floats32(float[] values, long... shape) {
    return slot("input", Use.INPUT, DType.F32, bytes(values), shape);
  }

  /** Activations or weights, or null for null. */
  public Tensor floatsOrNull(float[] values, long... shape) {
    return values == null ? null : floats(values, shape);
  }

  /** An I32 input, or null for null. */
  public Tensor intsOrNull(int[] values, long... shape) {
    return values == null ? null : ints(values, shape);
  }

  /** An I32 input. */
  public Tensor ints(int[] values, long... shape) {
    MemorySegment data = MemorySegment.ofArray(values);
    return slot("input", Use.INPUT, DType.I32, data.toArray(ValueLayout.JAVA_BYTE), shape);
  }

  /** An input of any dtype. */
  public Tensor raw(DType dtype, byte[] values, long... shape) {
    return slot("input", Use.INPUT, dtype, values, shape);
  }

  /** An output of activations, full of NaN. */
  public Tensor output(String name, long... shape) {
    return output(name, type, shape);
  }

  /** An F32 output full of NaN. */
  public Tensor output32(String name, long... shape) {
    return output(name, DType.F32, shape);
  }

  /** An output of any dtype, all bits set: NaN in every float type. */
  public Tensor output(String name, DType dtype, long... shape) {
    return slot(name, Use.OUTPUT, dtype, null, shape);
  }

  /** Activations that the op reads and writes. */
  public Tensor inOut(String name, float[] values, long... shape) {
    return slot(name, Use.OUTPUT, type, typed(values), shape);
  }

  /** An F32 tensor that the op reads and writes. */
  public Tensor inOut32(String name, float[] values, long... shape) {
    return slot(name, Use.OUTPUT, DType.F32, bytes(values), shape);
  }

  /** An F32 gradient that is added to; or overwritten, if the start is null. */
  public Tensor gradient(String name, float[] startOrNull, long... shape) {
    return startOrNull == null ? output32(name, shape) : inOut32(name, startOrNull, shape);
  }

  /** Scratch of exactly so many bytes, all bits set. */
  public Tensor workspace(long bytes) {
    return slot("workspace", Use.WORKSPACE, DType.U8, null, bytes);
  }

  private static byte[] bytes(float[] values) {
    return MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE);
  }

  private byte[] typed(float[] values) {
    return NarrowFloats.encode(NarrowFloats.round(values, rounding), type);
  }

  private Tensor slot(String name, Use use, DType dtype, byte[] values, long... shape) {
    long count = 1;
    for (long dimension : shape) {
      count *= dimension;
    }
    long size = count * dtype.bytes();
    if (values != null && values.length != size) {
      throw new IllegalArgumentException(name + ": " + values.length + " bytes for " + size);
    }
    Memory memory = backend.allocate("contract", size + 2 * FENCE_BYTES);
    Tensor fenced = Tensor.of(memory, 0, DType.U8, size + 2 * FENCE_BYTES);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(fenced.byteSize(), 64);
      for (long at = 0; at + 4 <= host.byteSize(); at += 4) {
        host.set(ValueLayout.JAVA_INT, at, FENCE);
      }
      MemorySegment middle = host.asSlice(FENCE_BYTES, size);
      if (values == null) {
        middle.fill((byte) 0xFF);
      } else {
        MemorySegment.copy(values, 0, middle, ValueLayout.JAVA_BYTE, 0, values.length);
      }
      backend.upload(host, fenced);
      Tensor tensor = Tensor.of(memory, FENCE_BYTES, dtype, shape);
      byte[] before = host.toArray(ValueLayout.JAVA_BYTE);
      slots.add(new Slot(name, use, tensor, fenced, before));
      return tensor;
    }
  }

  /** Reads all outputs back, after checking fences and inputs. */
  Map<String, Output> finish() {
    Map<String, Output> outputs = new LinkedHashMap<>();
    for (int i = 0; i < slots.size(); i++) {
      Slot slot = slots.get(i);
      byte[] after = download(slot.fenced());
      int end = after.length - FENCE_BYTES;
      String what = slot.name() + " (tensor " + i + ") on " + backend.description();
      checkSame(slot, after, 0, FENCE_BYTES, "written before the first byte of " + what);
      checkSame(slot, after, end, after.length, "written past the last byte of " + what);
      if (slot.use() == Use.INPUT) {
        checkSame(slot, after, FENCE_BYTES, end, "written in " + what);
      }
      if (slot.use() == Use.OUTPUT) {
        byte[] bytes = Arrays.copyOfRange(after, FENCE_BYTES, end);
        outputs.put(slot.name(), new Output(slot.tensor().dtype(), bytes));
      }
    }
    return outputs;
  }

  private static void checkSame(Slot slot, byte[] after, int from, int to, String message) {
    int at = Arrays.mismatch(slot.before(), from, to, after, from, to);
    assertEquals(-1, at, () -> message + ", at byte " + (from + at - FENCE_BYTES));
  }

  private byte[] download(Tensor tensor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(tensor.byteSize(), 64);
      backend.download(tensor, host);
      return host.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
