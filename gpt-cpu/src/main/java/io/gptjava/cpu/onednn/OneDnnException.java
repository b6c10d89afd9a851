package io.gptjava.cpu.onednn;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;

/** A call of oneDNN that failed: which, with what code, and what to do about it. */
public final class OneDnnException extends GptException {
  private static final long serialVersionUID = 1L;

  private static final int OUT_OF_MEMORY = 1;
  private static final int UNIMPLEMENTED = 3;

  private final String call;
  private final String code;

  /**
   * The error for a status ({@code dnnl_status_t}) that is not success.
   *
   * @param call the C function
   * @param status what it returned
   */
  public OneDnnException(String call, int status) {
    super(
        status == OUT_OF_MEMORY ? Failure.CAPACITY : Failure.DEVICE,
        "%s failed: %s%n%s".formatted(call, name(status), hint(status)));
    this.call = call;
    this.code = name(status);
  }

  private static String name(int status) {
    return switch (status) {
      case OUT_OF_MEMORY -> "dnnl_out_of_memory";
      case 2 -> "dnnl_invalid_arguments";
      case UNIMPLEMENTED -> "dnnl_unimplemented";
      case 4 -> "dnnl_last_impl_reached";
      case 5 -> "dnnl_runtime_error";
      case 6 -> "dnnl_not_required";
      case 7 -> "dnnl_invalid_graph";
      case 8 -> "dnnl_invalid_graph_op";
      case 9 -> "dnnl_invalid_shape";
      case 10 -> "dnnl_invalid_data_type";
      default -> "oneDNN status " + status;
    };
  }

  private static String hint(int status) {
    return switch (status) {
      case OUT_OF_MEMORY -> "Lower --batch-size, --context-length or the model.";
      case UNIMPLEMENTED ->
          "oneDNN has no such product for this processor: use --cpu-matmul vector.";
      default -> "Use --cpu-matmul vector, which needs no library.";
    };
  }

  /** The C function that failed. */
  public String call() {
    return call;
  }

  /** Name of the status, such as {@code dnnl_unimplemented}. */
  public String code() {
    return code;
  }
}
