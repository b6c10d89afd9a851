package io.gptjava.core;

import java.nio.file.Path;
import java.util.Optional;

/**
 * How to open a backend. Each backend reads what concerns it.
 *
 * @param device index of the device, 0 for the first
 * @param threads worker threads of a CPU backend; 0 for one per available processor
 * @param cudaLibrary library to look for CUDA's symbols in before all others: another driver, or
 *     the host emulator
 * @param cudaHome root of a CUDA installation, or of a Python environment with NVIDIA's wheels, to
 *     look in before the usual folders
 * @param blas how the CUDA backend calls cuBLAS
 * @param tf32 whether fp32 matrix products of the CUDA backend may round their inputs to TF32
 * @param syncKernels whether to wait for each kernel, so that an error names the one that failed
 * @param cache folder for what is measured once per machine, such as the fastest matrix product
 *     algorithms; empty to keep nothing
 */
public record BackendOptions(
    int device,
    int threads,
    Optional<Path> cudaLibrary,
    Optional<Path> cudaHome,
    Blas blas,
    boolean tf32,
    boolean syncKernels,
    Optional<Path> cache) {

  /** How the CUDA backend calls cuBLAS. */
  public enum Blas {
    /** cuBLASLt with fused epilogues, through Panama. */
    PANAMA,
    /** cuBLAS through JCuda's JCublas2. */
    JCUDA
  }

  /** First device, one thread per processor, nothing special. */
  public static final BackendOptions DEFAULT =
      new BackendOptions(
          0, 0, Optional.empty(), Optional.empty(), Blas.PANAMA, false, false, Optional.empty());

  /** The same with another device. */
  public BackendOptions withDevice(int device) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cache);
  }

  /** The same with another number of threads. */
  public BackendOptions withThreads(int threads) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cache);
  }

  /** The same with places to look for CUDA in. */
  public BackendOptions withCuda(Optional<Path> library, Optional<Path> home) {
    return new BackendOptions(device, threads, library, home, blas, tf32, syncKernels, cache);
  }

  /** The same with another way to call cuBLAS. */
  public BackendOptions withBlas(Blas blas) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cache);
  }

  /** The same with TF32 matrix products allowed or not. */
  public BackendOptions withTf32(boolean tf32) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cache);
  }

  /** The same, waiting for each kernel or not. */
  public BackendOptions withSyncKernels(boolean syncKernels) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cache);
  }

  /** The same with a folder for measurements. */
  public BackendOptions withCache(Path cache) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, Optional.of(cache));
  }
}
