package io.gptjava.core;

/** Element type of a {@link Tensor}. Names follow safetensors. */
public enum DType {
  /** IEEE 754 binary32. */
  F32(4),
  /** bfloat16: the upper half of a binary32. */
  BF16(2),
  /** IEEE 754 binary16. */
  F16(2),
  /** Two's complement 32-bit integer: token ids, indices. */
  I32(4),
  /** Unsigned byte: workspaces. */
  U8(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }
}
