package io.gptjava.cuda;

/** What to type when something is missing. */
final class CudaRemedies {
  /** Without a driver, or with one that is too old. */
  static final String DRIVER =
      "With an NVIDIA GPU, install its driver: sudo ubuntu-drivers install (Ubuntu), sudo apt install"
          + " nvidia-driver (Debian, non-free); then reboot.";

  /** With a driver that sees no GPU. */
  static final String NO_GPU =
      "See nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides the GPU; in a container, start it with"
          + " the GPU (docker run --gpus all).";

  private static final int CUDA_13 = 13000;

  private CudaRemedies() {}

  /**
   * Without cuBLAS.
   *
   * @param cudaVersion what the driver supports, as it counts
   */
  static String blas(int cudaVersion) {
    String wheel = cudaVersion >= CUDA_13 ? "nvidia-cublas" : "nvidia-cublas-cu12";
    return "Install it: pip install --user %s, or sudo apt install libcublas12 (Debian 13, Ubuntu 24.04), or build gpt-java with mvn -Pcuda-redist -DskipTests package; or set CUDA_HOME."
        .formatted(wheel);
  }
}
