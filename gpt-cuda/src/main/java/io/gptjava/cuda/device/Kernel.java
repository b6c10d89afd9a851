package io.gptjava.cuda.device;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gptjava.core.Tensor;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.FunctionAttribute;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A kernel and the block of its arguments, which is allocated once. Arguments are given in the
 * kernel's order, then it is launched:
 *
 * <pre>{@code kernel.pointer(x).int32(n).float32(scale).launch(blocks, 1, 1, 256, 0);}</pre>
 *
 * The driver copies the arguments at the launch, so the block can be filled again at once. Each
 * argument's size is checked against the parameter that the PTX declares.
 */
public final class Kernel {
  private static final int SLOT = Long.BYTES;
  private static final int DEFAULT_SHARED_BYTES = 48 << 10;

  private final CudaDevice device;
  private final String name;
  private final long function;
  private final int[] sizes;
  private final int maxThreads;
  private final MemorySegment values;
  private final MemorySegment pointers;
  private final MemorySegment rangeName;
  private int position;
  private int allowedSharedBytes = DEFAULT_SHARED_BYTES;

  Kernel(CudaDevice device, PtxModule.Entry entry, long function, Arena arena) {
    this.device = device;
    this.name = entry.name();
    this.function = function;
    this.sizes = entry.parameterBytes().stream().mapToInt(Integer::intValue).toArray();
    this.maxThreads = entry.maxThreads();
    this.values = arena.allocate(Math.max(1, sizes.length) * (long) SLOT, SLOT);
    this.pointers = arena.allocate(Math.max(1, sizes.length) * (long) SLOT, SLOT);
    this.rangeName = arena.allocateFrom(name);
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] > SLOT) {
        throw new IllegalArgumentException(
            "parameter %d of kernel %s has %d bytes; pass structures by address"
                .formatted(i, name, sizes[i]));
      }
      pointers.setAtIndex(JAVA_LONG, i, values.address() + (long) i * SLOT);
    }
  }

  /** Its name in the source. */
  public String name() {
    return name;
  }

  /** The next argument: where a tensor begins. */
  public Kernel pointer(Tensor tensor) {
    return address(tensor.address());
  }

  /** The next argument: where a tensor begins, or a null pointer. */
  public Kernel pointerOrNull(Tensor tensorOrNull) {
    return address(tensorOrNull == null ? 0 : tensorOrNull.address());
  }

  /** The next argument: a device pointer. */
  public Kernel address(long pointer) {
    values.set(JAVA_LONG, next(Long.BYTES), pointer);
    return this;
  }

  /** The next argument: a 64-bit integer. */
  public Kernel int64(long value) {
    values.set(JAVA_LONG, next(Long.BYTES), value);
    return this;
  }

  /**
   * The next argument: a 32-bit integer.
   *
   * @throws ArithmeticException if the value needs more
   */
  public Kernel int32(long value) {
    values.set(JAVA_INT, next(Integer.BYTES), Math.toIntExact(value));
    return this;
  }

  /** The next argument: 32 bits without a sign. */
  public Kernel uint32(int bits) {
    values.set(JAVA_INT, next(Integer.BYTES), bits);
    return this;
  }

  /** The next argument: a float. */
  public Kernel float32(float value) {
    values.set(JAVA_FLOAT, next(Float.BYTES), value);
    return this;
  }

  private long next(int bytes) {
    int i = position;
    if (i >= sizes.length || sizes[i] != bytes) {
      position = 0;
      throw new IllegalArgumentException(
          i >= sizes.length
              ? "kernel %s takes %d arguments, not more".formatted(name, sizes.length)
              : "argument %d of kernel %s has %d bytes, not %d"
                  .formatted(i, name, sizes[i], bytes));
    }
    position = i + 1;
    return (long) i * SLOT;
  }

  /** Launches it on the device's stream; see {@link #launch(Stream, long, int, int, int, int)}. */
  public void launch(long gridX, int gridY, int gridZ, int threads, int sharedBytes) {
    launch(device.stream(), gridX, gridY, gridZ, threads, sharedBytes);
  }

  /**
   * Launches it with the arguments given since the last launch.
   *
   * @param gridX blocks in each direction, each at least 1
   * @param threads threads of a block
   * @param sharedBytes dynamic shared memory of a block
   * @throws IllegalArgumentException if arguments are missing or the shape is impossible
   * @throws CudaException if the driver refuses; with {@code syncKernels} also if the kernel fails
   */
  public void launch(
      Stream stream, long gridX, int gridY, int gridZ, int threads, int sharedBytes) {
    int given = position;
    position = 0;
    if (given != sizes.length) {
      throw new IllegalArgumentException(
          "kernel %s takes %d arguments, %d were given".formatted(name, sizes.length, given));
    }
    if (gridX < 1
        || gridX > Integer.MAX_VALUE
        || gridY < 1
        || gridY > 0xffff
        || gridZ < 1
        || gridZ > 0xffff
        || threads < 1
        || threads > maxThreads
        || sharedBytes < 0
        || sharedBytes > device.maxSharedMemoryPerBlock()) {
      throw new IllegalArgumentException(
          "impossible launch of %s; at most %d threads and %d bytes of shared memory"
              .formatted(
                  shape(gridX, gridY, gridZ, threads, sharedBytes),
                  maxThreads,
                  device.maxSharedMemoryPerBlock()));
    }
    device.makeCurrent();
    device.beginRange(rangeName);
    try {
      if (sharedBytes > allowedSharedBytes) {
        allowShared(sharedBytes);
      }
      device
          .driver()
          .launch(
              function, (int) gridX, gridY, gridZ, threads, sharedBytes, stream.handle(), pointers);
      if (device.syncKernels() && !stream.capturing()) {
        stream.synchronize();
      }
    } catch (CudaException e) {
      throw e.during(
          "%s of kernel %s".formatted(e.call(), shape(gridX, gridY, gridZ, threads, sharedBytes)));
    } finally {
      device.endRange();
    }
  }

  private void allowShared(int bytes) {
    device
        .driver()
        .setFunctionAttribute(function, FunctionAttribute.MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
    allowedSharedBytes = bytes;
  }

  /** Blocks of this kernel that fit on one multiprocessor at once. */
  public int activeBlocksPerMultiprocessor(int threads, int sharedBytes) {
    device.makeCurrent();
    if (sharedBytes > allowedSharedBytes) {
      allowShared(sharedBytes);
    }
    return device.driver().activeBlocks(function, threads, sharedBytes);
  }

  /** One of its attributes, such as registers a thread. */
  public int attribute(FunctionAttribute attribute) {
    device.makeCurrent();
    return device.driver().functionAttribute(attribute, function);
  }

  private String shape(long gridX, int gridY, int gridZ, int threads, int sharedBytes) {
    return "%s<<<(%d, %d, %d), %d, %d>>>"
        .formatted(name, gridX, gridY, gridZ, threads, sharedBytes);
  }
}
