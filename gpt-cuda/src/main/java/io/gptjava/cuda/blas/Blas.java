package io.gptjava.cuda.blas;

/**
 * Matrix products on the device, with what a linear layer does right after them. One thread at a
 * time; calls return before the device is done. Two implementations stand behind the same contract
 * test: cuBLASLt through Panama (PanamaBlas) and cuBLAS through JCuda ({@link JCudaBlas}).
 */
public interface Blas extends AutoCloseable {
  /**
   * Scratch for each multiprocessor in bytes: fp32 sums of two tiles of 128×256. On Hopper that
   * makes the 32 MiB that NVIDIA recommends.
   */
  long WORKSPACE_PER_MULTIPROCESSOR = 2 * 128 * 256 * Float.BYTES;

  /** Library and version, for people. */
  String description();

  /**
   * Computes a product. Addresses are those of device memory, of at least the alignment of their
   * elements. The first call of a shape may choose an algorithm by running several, so {@code out}
   * may be written more than once, with the same values in the end; later calls allocate nothing.
   *
   * @param bias 0 unless the epilogue has one
   * @param auxiliary 0 unless the epilogue has one
   */
  void multiply(Matmul shape, long a, long b, long out, long bias, long auxiliary);

  /** Frees handles, plans and workspace. */
  @Override
  void close();
}
