package io.gptjava.cuda.device;

/**
 * How to open a device.
 *
 * @param index index of the device, 0 for the first
 * @param cudaLibraryOrNull where to look for the libraries first: files or folders, separated by
 *     {@code :}
 * @param syncKernels wait after each kernel, so that an error names the kernel that made it
 * @param nvtx mark each kernel with an NVTX range, for Nsight
 */
public record DeviceSettings(
    int index, String cudaLibraryOrNull, boolean syncKernels, boolean nvtx) {
  /** The first device, libraries where they usually are. */
  public static final DeviceSettings DEFAULT = new DeviceSettings(0, null, false, false);
}
