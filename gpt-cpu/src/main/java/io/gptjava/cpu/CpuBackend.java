package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.HostMemory;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import io.gptjava.cpu.onednn.OneDnnApi;
import io.gptjava.cpu.onednn.OneDnnSupport;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Backend on the processor's vector units: every op synchronous, split over a {@link WorkerPool}.
 */
public final class CpuBackend implements Backend {
  private final HostMemory memory = new HostMemory();
  private final HostStepControl control = new HostStepControl();
  private final WorkerPool pool;
  private final RowScratch scratch;
  private final Products products;
  private final CpuOps ops;

  /**
   * Opens the backend with this program's own matrix products, bf16 included.
   *
   * @param threads number of worker threads, the caller included
   */
  public CpuBackend(int threads) {
    this(threads, () -> OneDnnSupport.absent("not looked for"));
  }

  /**
   * Opens the backend with its fp32 matrix products by this program's own code.
   *
   * @param threads number of worker threads, the caller included
   * @param oneDnn looks for oneDNN, once, if bf16 products are wanted
   */
  public CpuBackend(int threads, Supplier<OneDnnSupport> oneDnn) {
    pool = new WorkerPool(threads);
    scratch = new RowScratch(pool);
    products = new Products(pool, scratch, oneDnn);
    ops = new CpuOps(pool, control, scratch, products);
  }

  /**
   * Opens the backend with all its matrix products through oneDNN.
   *
   * @param threads number of worker threads, the caller included
   */
  public CpuBackend(int threads, OneDnnApi oneDnn) {
    pool = new WorkerPool(threads);
    scratch = new RowScratch(pool);
    products = new Products(pool, scratch, oneDnn);
    ops = new CpuOps(pool, control, scratch, products);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return "CPU, %d thread%s, Vector API %d-bit%s"
        .formatted(
            pool.threads(),
            pool.threads() == 1 ? "" : "s",
            Vectors.F.vectorBitSize(),
            products.description());
  }

  @Override
  public Set<Precision> precisions() {
    return Set.of(Precision.FP32, Precision.BF16);
  }

  /** {@inheritDoc} Looks for oneDNN if the precision is bf16. */
  @Override
  public Optional<String> caution(Precision precision) {
    return precision == Precision.BF16
        ? products
            .whyHalvesAreSlow()
            .map(
                "--precision bf16 multiplies matrices as fp32 here, no faster (%s); --precision fp32 is as fast and more exact"
                    ::formatted)
        : Optional.empty();
  }

  @Override
  public Ops ops() {
    return ops;
  }

  @Override
  public StepControl stepControl() {
    return control;
  }

  @Override
  public Memory allocate(String role, long bytes) {
    return memory.allocate(role, bytes);
  }

  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    HostMemory.upload(host, tensor);
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    HostMemory.download(tensor, host);
  }

  @Override
  public void synchronize() {
    // Every op has finished when it returns.
  }

  @Override
  public void close() {
    products.close();
    scratch.close();
    pool.close();
    memory.close();
  }
}
