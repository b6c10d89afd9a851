package io.gptjava.cuda.device;

/** One allocation in the device's memory. */
public final class DeviceMemory extends DeviceResource {
  private final String role;
  private final long address;
  private final long bytes;

  DeviceMemory(CudaDevice device, String role, long bytes) {
    super(device);
    this.role = role;
    this.bytes = bytes;
    this.address = device.driver().allocate(Math.max(1, bytes));
    opened();
  }

  /** Device pointer of its first byte; at least 256-byte aligned. */
  public long address() {
    checkOpen();
    return address;
  }

  /** Its size in bytes. */
  public long bytes() {
    return bytes;
  }

  @Override
  void release() {
    device().driver().free(address);
  }

  @Override
  public String toString() {
    return "device memory \"%s\" of %,d bytes".formatted(role, bytes);
  }
}
