package io.gptjava.cuda.ffi;

/** Attributes of a kernel, with their {@code CU_FUNC_ATTRIBUTE_*} numbers. */
public enum FunctionAttribute {
  /** Largest block, given registers and launch bounds. */
  MAX_THREADS_PER_BLOCK(0),
  /** Static shared memory in bytes. */
  SHARED_SIZE_BYTES(1),
  /** Bytes of local memory a thread: more than none means spilled registers or a stack. */
  LOCAL_SIZE_BYTES(3),
  /** Registers a thread. */
  NUM_REGS(4),
  /** Dynamic shared memory in bytes that a launch may ask for; can be raised. */
  MAX_DYNAMIC_SHARED_SIZE_BYTES(8);

  private final int number;

  FunctionAttribute(int number) {
    this.number = number;
  }

  /** The number in the driver API. */
  public int number() {
    return number;
  }
}
