package io.gptjava.core;

/** Why a command can fail, and the process exit code that tells so. */
public enum Failure {
  /** A flag, key or value that cannot work. */
  USAGE(2),
  /** Input data that is missing, too short or malformed. */
  DATA(3),
  /** A device or native library that is missing or broken. */
  DEVICE(4),
  /** It does not fit in memory or on disk. */
  CAPACITY(5),
  /** The loss or the gradients are no longer finite. */
  DIVERGED(6),
  /** A checkpoint or model file that is missing, damaged or of another shape. */
  CHECKPOINT(7),
  /** A benchmark is slower than its baseline. */
  REGRESSION(9);

  private final int exitCode;

  Failure(int exitCode) {
    this.exitCode = exitCode;
  }

  /** The process exit code. */
  public int exitCode() {
    return exitCode;
  }
}
