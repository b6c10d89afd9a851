package io.gptjava.cuda.ffi;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;

/** A call of an NVIDIA library that failed: which, with what code, and what to do about it. */
public final class CudaException extends GptException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final String code;
  private final String text;
  private final String hint;

  /**
   * An error of one call.
   *
   * @param failure kind of error, which decides the exit code
   * @param call the C function, and what it worked on where that helps
   * @param code name of the error code
   * @param text the library's words for it
   * @param hint what to do; may be empty
   */
  public CudaException(Failure failure, String call, String code, String text, String hint) {
    super(failure, message(call, code, text, hint));
    this.call = call;
    this.code = code;
    this.text = text;
    this.hint = hint;
  }

  private static String message(String call, String code, String text, String hint) {
    String what =
        text.isEmpty() || text.equals(code)
            ? "%s failed: %s".formatted(call, code)
            : "%s failed: %s (%s)".formatted(call, code, text);
    return hint.isEmpty() ? what : what + "\n" + hint;
  }

  /** The same error of a call that is described better. */
  public CudaException during(String betterCall) {
    CudaException better = new CudaException(failure(), betterCall, code, text, hint);
    better.initCause(this);
    return better;
  }

  /** The C function that failed. */
  public String call() {
    return call;
  }

  /** Name of the error code, such as {@code CUDA_ERROR_OUT_OF_MEMORY}. */
  public String code() {
    return code;
  }

  /** The library's description of the code. */
  public String text() {
    return text;
  }

  /** What to do about it; may be empty. */
  public String hint() {
    return hint;
  }
}
