package io.gptjava.cuda.ffi;

import io.gptjava.core.Failure;

/** Error codes of the driver API that have a remedy. */
final class DriverErrors {
  private static final int OUT_OF_MEMORY = 2;

  private DriverErrors() {}

  static CudaException of(String call, int status, String name, String text) {
    Failure failure = status == OUT_OF_MEMORY ? Failure.CAPACITY : Failure.DEVICE;
    return new CudaException(failure, call, name, text, hint(status));
  }

  private static String hint(int status) {
    return switch (status) {
      case OUT_OF_MEMORY ->
          "Lower --batch-size, --context-length or the model, or close what else uses the GPU"
              + " (nvidia-smi); gpt train --dry-run shows what is needed.";
      case 34 -> // STUB_LIBRARY
          "This libcuda.so is a stub for linking: install the NVIDIA driver.";
      case 36, 222, 803, 804 -> // newer driver needed, PTX version, mismatch, compatibility
          "Update the NVIDIA driver (CUDA 12 or later); after an update, restart the machine.";
      case 46 -> // DEVICE_UNAVAILABLE
          "Another process holds the GPU exclusively: see nvidia-smi, or choose another --device.";
      case 100 -> // NO_DEVICE
          "The driver sees no GPU: see nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides it.";
      case 101 -> // INVALID_DEVICE
          "gpt doctor lists the GPUs; choose one with --device.";
      case 200, 209, 218, 221 -> // image, binary, PTX, no JIT compiler
          "The kernels do not load on this GPU and driver; gpt doctor shows both. They need compute"
              + " capability 8.0 and a driver for CUDA 12.";
      case 214, 219, 220 -> // uncorrectable hardware errors
          "The hardware reported an error that it could not correct: see nvidia-smi -q.";
      case 700, 716, 717, 718, 719, 715 -> // bad address, alignment, instruction
          "A kernel went wrong: run again with --sync-kernels to learn which. The GPU context is"
              + " lost, so restart the program.";
      case 701 -> // LAUNCH_OUT_OF_RESOURCES
          "The launch asks for more registers or shared memory than a multiprocessor has.";
      case 702 -> // LAUNCH_TIMEOUT
          "The display's watchdog stopped the kernel: use a GPU without a screen.";
      case 802 -> // SYSTEM_NOT_READY
          "The system's GPU service is not running: on NVSwitch machines start nvidia-fabricmanager.";
      case 900, 901, 902, 903, 904, 905, 906, 907, 908 -> // stream capture
          "Something that cannot be recorded ran while a step was being captured; run with"
              + " --sync-kernels, which records nothing.";
      default -> "";
    };
  }
}
