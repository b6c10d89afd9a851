package io.gptjava.core;

/**
 * An error that the user can act on. Its message is one to three lines: the value, the reason, the
 * fix, in terms of the flags and files that the user has.
 */
public class GptException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Failure failure;

  /** An error of the given kind. */
  public GptException(Failure failure, String message) {
    super(message);
    this.failure = failure;
  }

  /** An error of the given kind, with what caused it. */
  public GptException(Failure failure, String message, Throwable cause) {
    super(message, cause);
    this.failure = failure;
  }

  /** What kind of error this is. */
  public Failure failure() {
    return failure;
  }
}
