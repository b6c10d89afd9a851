package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.cpu.onednn.OneDnnApi;
import io.gptjava.cpu.onednn.OneDnnSupport;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The products of a backend: fp32 as it was opened for; bf16, looked for when it is first asked
 * for, by oneDNN where that multiplies halves in hardware, else as fp32.
 */
final class Products implements MatrixProduct {
  private final WorkerPool pool;
  private final RowScratch scratch;
  private final MatrixProduct floats;
  private final Supplier<OneDnnSupport> oneDnn;
  private MatrixProduct halves;
  private final String floatsBy;
  private String halvesBy = "";
  private Optional<String> slow = Optional.empty();

  /**
   * Products by this program's own code.
   *
   * @param oneDnn looks for the library, once, if bf16 is wanted
   */
  Products(WorkerPool pool, RowScratch scratch, Supplier<OneDnnSupport> oneDnn) {
    this.pool = pool;
    this.scratch = scratch;
    this.oneDnn = oneDnn;
    floats = new Gemm(pool);
    floatsBy = "";
  }

  /** Products by oneDNN. */
  Products(WorkerPool pool, RowScratch scratch, OneDnnApi api) {
    this.pool = pool;
    this.scratch = scratch;
    oneDnn = () -> OneDnnSupport.of(api);
    floats = new OneDnnGemm(pool, scratch, api);
    floatsBy = ", matrix products by oneDNN " + api.version();
  }

  @Override
  public void multiply(
      GemmOperand a,
      GemmOperand b,
      int m,
      int n,
      int k,
      DType outType,
      MemorySegment out,
      long leading,
      boolean accumulate,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull,
      MemorySegment columnSumsOrNull) {
    assert a.type() == b.type() : a.type() + " and " + b.type();
    MatrixProduct product = a.type() == DType.BF16 ? halves() : floats;
    product.multiply(
        a,
        b,
        m,
        n,
        k,
        outType,
        out,
        leading,
        accumulate,
        epilogue,
        biasOrNull,
        preActivationOrNull,
        columnSumsOrNull);
  }

  private MatrixProduct halves() {
    if (halves == null) {
      OneDnnSupport support = oneDnn.get();
      Optional<OneDnnApi> fast = support.api().filter(OneDnnApi::multipliesHalves);
      if (fast.isPresent()) {
        halves = new OneDnnGemm(pool, scratch, fast.get());
        halvesBy = ", bf16 matrix products by oneDNN " + fast.get().version();
      } else {
        halves = new HalfGemm(pool, scratch, new Gemm(pool), HalfGemm.BUFFER);
        halvesBy = ", bf16 matrix products as fp32";
        slow = Optional.of(support.reasonAgainstHalves());
      }
    }
    return halves;
  }

  /** What a description of the backend says about them: what is not this program's own. */
  String description() {
    return floatsBy + halvesBy;
  }

  /** Why bf16 products are no faster than fp32 here; empty if they are. */
  Optional<String> whyHalvesAreSlow() {
    halves();
    return slow;
  }

  @Override
  public void close() {
    floats.close();
    if (halves != null) {
      halves.close();
    }
  }
}
