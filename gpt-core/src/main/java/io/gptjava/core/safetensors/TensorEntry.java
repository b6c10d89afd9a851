package io.gptjava.core.safetensors;

import java.util.List;

/**
 * One tensor of a file.
 *
 * @param shape sizes, slowest first; empty for a scalar
 * @param offset of its first byte, counted from the end of the header
 * @param byteSize elements × element size
 */
public record TensorEntry(
    String name, StoredType type, List<Long> shape, long offset, long byteSize) {
  /** Copies the shape. */
  public TensorEntry {
    shape = List.copyOf(shape);
  }

  /** Number of elements. */
  public long elements() {
    return byteSize / type.bytes();
  }

  @Override
  public String toString() {
    return name + " " + type + shape;
  }
}
