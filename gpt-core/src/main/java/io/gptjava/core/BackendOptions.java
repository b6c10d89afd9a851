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
 * @param cpuMatmul what computes the CPU backend's matrix products
 * @param cache folder for what is made or measured once per machine, such as unpacked libraries and
 *     the fastest matrix product algorithms; empty to keep nothing
 */
public record BackendOptions(
    int device,
    int threads,
    Optional<Path> cudaLibrary,
    Optional<Path> cudaHome,
    Blas blas,
    boolean tf32,
    boolean syncKernels,
    CpuMatmul cpuMatmul,
    Optional<Path> cache) {

  /** How the CUDA backend calls cuBLAS. */
  public enum Blas {
    /** cuBLASLt with fused epilogues, through Panama. */
    PANAMA,
    /** cuBLAS through JCuda's JCublas2. */
    JCUDA
  }

  /** What computes the CPU backend's matrix products. */
  public enum CpuMatmul {
    /** This program's own, with the Vector API. */
    VECTOR,
    /** oneDNN, through Panama. */
    ONEDNN
  }

  /** First device, one thread per processor, nothing special. */
  public static final BackendOptions DEFAULT =
      new BackendOptions(
          0,
          0,
          Optional.empty(),
          Optional.empty(),
          Blas.PANAMA,
          false,
          false,
          CpuMatmul.VECTOR,
          Optional.empty());

  /** The same with another device. */
  public BackendOptions withDevice(int device) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cpuMatmul, cache);
  }

  /** The same with another number of threads. */
  public BackendOptions withThreads(int threads) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cpuMatmul, cache);
  }

  /** The same with places to look for CUDA in. */
  public BackendOptions withCuda(Optional<Path> library, Optional<Path> home) {
    return new BackendOptions(
        device, threads, library, home, blas, tf32, syncKernels, cpuMatmul, cache);
  }

  /** The same with another way to call cuBLAS. */
  public BackendOptions withBlas(Blas blas) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cpuMatmul, cache);
  }

  /** The same with TF32 matrix products allowed or not. */
  public BackendOptions withTf32(boolean tf32) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cpuMatmul, cache);
  }

  /** The same, waiting for each kernel or not. */
  public BackendOptions withSyncKernels(boolean syncKernels) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cpuMatmul, cache);
  }

  /** The same with another way to multiply matrices on the CPU. */
  public BackendOptions withCpuMatmul(CpuMatmul cpuMatmul) {
    return new BackendOptions(
        device, threads, cudaLibrary, cudaHome, blas, tf32, syncKernels, cpuMatmul, cache);
  }

  /** The same with a folder for what is kept between runs. */
  public BackendOptions withCache(Path cache) {
    return new BackendOptions(
        device,
        threads,
        cudaLibrary,
        cudaHome,
        blas,
        tf32,
        syncKernels,
        cpuMatmul,
        Optional.of(cache));
  }
}
