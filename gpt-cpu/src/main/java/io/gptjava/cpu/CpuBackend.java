package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.HostMemory;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import io.gptjava.cpu.onednn.OneDnnApi;
import java.lang.foreign.MemorySegment;

/**
 * Backend on the processor's vector units: every op synchronous, split over a {@link WorkerPool}.
 */
public final class CpuBackend implements Backend {
  private final HostMemory memory = new HostMemory();
  private final HostStepControl control = new HostStepControl();
  private final WorkerPool pool;
  private final MatrixProduct product;
  private final String products;
  private final CpuOps ops;

  /**
   * Opens the backend.
   *
   * @param threads number of worker threads, the caller included
   */
  public CpuBackend(int threads) {
    pool = new WorkerPool(threads);
    product = new Gemm(pool);
    products = "";
    ops = new CpuOps(pool, control, product);
  }

  /**
   * Opens the backend with its matrix products through oneDNN.
   *
   * @param threads number of worker threads, the caller included
   */
  public CpuBackend(int threads, OneDnnApi oneDnn) {
    pool = new WorkerPool(threads);
    product = new OneDnnGemm(pool, oneDnn);
    products = ", matrix products by oneDNN " + oneDnn.version();
    ops = new CpuOps(pool, control, product);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return "CPU, %d thread%s, Vector API %d-bit%s"
        .formatted(
            pool.threads(), pool.threads() == 1 ? "" : "s", Vectors.F.vectorBitSize(), products);
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
    product.close();
    pool.close();
    memory.close();
  }
}
