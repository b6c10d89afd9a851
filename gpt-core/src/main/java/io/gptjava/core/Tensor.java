package io.gptjava.core;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A typed, shaped, dense, row-major view on backend {@link Memory}. Holds no resource of its own:
 * it lives as long as the memory it looks at.
 */
public final class Tensor {
  private final Memory memory;
  private final long byteOffset;
  private final DType dtype;
  private final long[] shape;
  private final long count;

  private Tensor(Memory memory, long byteOffset, DType dtype, long[] shape) {
    this.memory = memory;
    this.byteOffset = byteOffset;
    this.dtype = dtype;
    this.shape = shape;
    long n = 1;
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException("negative dimension in " + Arrays.toString(shape));
      }
      n = Math.multiplyExact(n, dimension);
    }
    this.count = n;
    if (byteOffset < 0 || byteOffset + n * dtype.bytes() > memory.byteSize()) {
      throw new IllegalArgumentException(
          "tensor %s %s at byte %d does not fit in %d bytes of %s"
              .formatted(
                  dtype, Arrays.toString(shape), byteOffset, memory.byteSize(), memory.role()));
    }
  }

  /**
   * A view on {@code memory}.
   *
   * @param byteOffset where it begins, in bytes
   * @param shape dimensions, outermost first
   * @throws IllegalArgumentException if the view reaches outside the memory
   */
  public static Tensor of(Memory memory, long byteOffset, DType dtype, long... shape) {
    return new Tensor(memory, byteOffset, dtype, shape.clone());
  }

  /** The memory that this tensor looks at. */
  public Memory memory() {
    return memory;
  }

  /** Where the view begins in its memory, in bytes. */
  public long byteOffset() {
    return byteOffset;
  }

  /** Element type. */
  public DType dtype() {
    return dtype;
  }

  /** A copy of the dimensions, outermost first. */
  public long[] shape() {
    return shape.clone();
  }

  /** Number of dimensions. */
  public int rank() {
    return shape.length;
  }

  /** One dimension; negative indices count from the last (−1). */
  public long size(int dimension) {
    return shape[dimension < 0 ? shape.length + dimension : dimension];
  }

  /** Number of elements. */
  public long count() {
    return count;
  }

  /** Number of bytes. */
  public long byteSize() {
    return count * dtype.bytes();
  }

  /** Product of all dimensions but the last. */
  public long rows() {
    return shape.length == 0 || size(-1) == 0 ? 1 : count / size(-1);
  }

  /** Host or device address of the first element. */
  public long address() {
    return memory.segment().address() + byteOffset;
  }

  /**
   * The elements as host memory.
   *
   * @throws IllegalStateException if the memory is on a device
   */
  public MemorySegment segment() {
    if (!memory.hostAccessible()) {
      throw new IllegalStateException("tensor in " + memory.role() + " is device memory");
    }
    return memory.segment().asSlice(byteOffset, byteSize());
  }

  /** The same elements under another shape of the same count. */
  public Tensor reshape(long... newShape) {
    Tensor view = new Tensor(memory, byteOffset, dtype, newShape.clone());
    if (view.count != count) {
      throw new IllegalArgumentException(
          "cannot view %s as %s".formatted(Arrays.toString(shape), Arrays.toString(newShape)));
    }
    return view;
  }

  /** Rows {@code from} (inclusive) to {@code to} (exclusive) along the first dimension. */
  public Tensor slice(long from, long to) {
    if (from < 0 || from > to || to > shape[0]) {
      throw new IndexOutOfBoundsException("rows %d to %d of %d".formatted(from, to, shape[0]));
    }
    long[] part = shape.clone();
    part[0] = to - from;
    long rowBytes = shape[0] == 0 ? 0 : byteSize() / shape[0];
    return new Tensor(memory, byteOffset + from * rowBytes, dtype, part);
  }

  /** The first {@code newCount} elements under a new shape: a smaller view on the same place. */
  public Tensor prefix(long... newShape) {
    return new Tensor(memory, byteOffset, dtype, newShape.clone());
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape);
  }
}
