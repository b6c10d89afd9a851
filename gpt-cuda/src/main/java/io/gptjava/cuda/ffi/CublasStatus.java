package io.gptjava.cuda.ffi;

import io.gptjava.core.Failure;

/** Status codes of cuBLAS and cuBLASLt ({@code cublasStatus_t}). */
final class CublasStatus {
  private static final int ALLOC_FAILED = 3;

  private CublasStatus() {}

  static CudaException failure(String call, int status) {
    return new CudaException(
        status == ALLOC_FAILED ? Failure.CAPACITY : Failure.DEVICE,
        call,
        name(status),
        "",
        hint(status));
  }

  private static String name(int status) {
    return switch (status) {
      case 1 -> "CUBLAS_STATUS_NOT_INITIALIZED";
      case ALLOC_FAILED -> "CUBLAS_STATUS_ALLOC_FAILED";
      case 7 -> "CUBLAS_STATUS_INVALID_VALUE";
      case 8 -> "CUBLAS_STATUS_ARCH_MISMATCH";
      case 11 -> "CUBLAS_STATUS_MAPPING_ERROR";
      case 13 -> "CUBLAS_STATUS_EXECUTION_FAILED";
      case 14 -> "CUBLAS_STATUS_INTERNAL_ERROR";
      case 15 -> "CUBLAS_STATUS_NOT_SUPPORTED";
      case 16 -> "CUBLAS_STATUS_LICENSE_ERROR";
      default -> "cuBLAS status " + status;
    };
  }

  private static String hint(int status) {
    return switch (status) {
      case 1 ->
          "cuBLAS could not start on this GPU: its version may not fit the driver (gpt doctor shows"
              + " both), or the GPU's memory is full (nvidia-smi).";
      case ALLOC_FAILED ->
          "Lower --batch-size, --context-length or the model, or close what else uses the GPU"
              + " (nvidia-smi).";
      case 8 -> "This cuBLAS is too old for the GPU: gpt doctor shows its version.";
      case 13, 14 ->
          "An earlier kernel may have gone wrong: run again with --sync-kernels to learn which.";
      default -> "";
    };
  }
}
