package io.gptjava.core;

/**
 * How to open a backend.
 *
 * @param device index of the device, 0 for the first
 * @param threads worker threads of a CPU backend; 0 for one per available processor
 */
public record BackendOptions(int device, int threads) {
  /** First device, one thread per processor. */
  public static final BackendOptions DEFAULT = new BackendOptions(0, 0);
}
