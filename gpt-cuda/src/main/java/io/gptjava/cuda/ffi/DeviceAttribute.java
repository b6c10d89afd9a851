package io.gptjava.cuda.ffi;

/** Attributes of a device that are read, with their {@code CU_DEVICE_ATTRIBUTE_*} numbers. */
public enum DeviceAttribute {
  /** Shared memory in bytes that a block has without asking. */
  MAX_SHARED_MEMORY_PER_BLOCK(8),
  /** Typical clock in kilohertz. */
  CLOCK_RATE(13),
  /** Streaming multiprocessors. */
  MULTIPROCESSOR_COUNT(16),
  /** Peak clock of the memory in kilohertz. */
  MEMORY_CLOCK_RATE(36),
  /** Width of the memory bus in bits. */
  GLOBAL_MEMORY_BUS_WIDTH(37),
  /** Bytes of the second-level cache. */
  L2_CACHE_SIZE(38),
  /** Threads that can be resident on a multiprocessor. */
  MAX_THREADS_PER_MULTIPROCESSOR(39),
  /** Compute capability, first number. */
  COMPUTE_CAPABILITY_MAJOR(75),
  /** Compute capability, second number. */
  COMPUTE_CAPABILITY_MINOR(76),
  /** Shared memory in bytes of a multiprocessor. */
  MAX_SHARED_MEMORY_PER_MULTIPROCESSOR(81),
  /** Shared memory in bytes that a block may ask for. */
  MAX_SHARED_MEMORY_PER_BLOCK_OPTIN(97);

  private final int number;

  DeviceAttribute(int number) {
    this.number = number;
  }

  /** The number in the driver API. */
  public int number() {
    return number;
  }
}
