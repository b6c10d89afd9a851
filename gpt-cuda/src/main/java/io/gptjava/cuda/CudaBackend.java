package io.gptjava.cuda;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.DeviceReadings;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.blas.Blas;
import io.gptjava.cuda.blas.JCudaBlas;
import io.gptjava.cuda.blas.PanamaBlas;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import io.gptjava.cuda.ffi.CudaException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Backend on an NVIDIA GPU: our own kernels and cuBLAS, on one stream. Ops return before the device
 * has run them; only {@link #download}, {@link #synchronize} and {@link StepControl#read} wait.
 */
public final class CudaBackend implements Backend {
  private static final System.Logger LOG = System.getLogger(CudaBackend.class.getName());

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final CudaDevice device;
  private final CudaStepControl control;
  private final HostCopies copies;
  private final Blas blas;
  private final CudaOps ops;
  private final GpuMonitor monitor;
  private final boolean tf32;
  private int recordings;

  /**
   * Opens the backend.
   *
   * @throws GptException with {@link Failure#DEVICE} if there is no GPU, driver or cuBLAS
   */
  public CudaBackend(BackendOptions options) {
    tf32 = options.tf32();
    boolean complete = false;
    try {
      device = opened(CudaDevice.open(options));
      control = opened(new CudaStepControl(device));
      copies = opened(new HostCopies(device));
      blas = opened(openBlas(options));
      ops = opened(new CudaOps(device, control, blas));
      monitor = opened(new GpuMonitor(device));
      complete = true;
    } finally {
      if (!complete) {
        close();
      }
    }
  }

  private <T extends AutoCloseable> T opened(T resource) {
    open.push(resource);
    return resource;
  }

  private Blas openBlas(BackendOptions options) {
    return switch (options.blas()) {
      case PANAMA ->
          new PanamaBlas(
              device,
              tf32,
              options.cache(),
              warning -> LOG.log(System.Logger.Level.WARNING, warning));
      case JCUDA -> new JCudaBlas(device, tf32);
    };
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String description() {
    return "%s, %s".formatted(device, blas.description());
  }

  @Override
  public Set<Precision> precisions() {
    return EnumSet.of(tf32 ? Precision.TF32 : Precision.FP32, Precision.BF16, Precision.FP16);
  }

  @Override
  public boolean asynchronous() {
    return true;
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
    DeviceMemory memory;
    try {
      memory = opened(device.allocate(role, bytes));
    } catch (CudaException e) {
      if (e.failure() != Failure.CAPACITY) {
        throw e;
      }
      throw new GptException(
          Failure.CAPACITY,
          e.getMessage() + "\nlower --batch-size, --context-length or the model",
          e);
    }
    device.stream().zero(memory.address(), bytes);
    return new Memory(role, deviceSegment(memory.address(), bytes), false);
  }

  @Override
  public OptionalLong availableBytes() {
    return OptionalLong.of(device.memory().free());
  }

  @Override
  public OptionalDouble datasheetFlops(Precision precision) {
    return DatasheetPeak.of(device.name(), precision);
  }

  @Override
  public Optional<DeviceReadings> readings() {
    return Optional.of(monitor.read());
  }

  /** A segment that only carries an address: the host never touches its content. */
  @SuppressWarnings("restricted")
  private static MemorySegment deviceSegment(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  /**
   * {@inheritDoc}
   *
   * <p>Recorded as a CUDA graph, unless each kernel is to be waited for.
   */
  @Override
  public Runnable recording(Runnable sequence) {
    if (device.syncKernels()) {
      return sequence;
    }
    return opened(new Recording(device, "recording " + ++recordings, sequence));
  }

  /**
   * {@inheritDoc}
   *
   * <p>Returns once the host memory may change; the device gets it in the order of the ops.
   */
  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    copies.upload(host, tensor);
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    copies.download(tensor, host);
  }

  @Override
  public void synchronize() {
    device.stream().synchronize();
  }

  /** The device, for tools that look closer. */
  public CudaDevice device() {
    return device;
  }

  @Override
  public void close() {
    if (control != null && !open.isEmpty()) {
      open.push(this::synchronize); // what is under way may still use what is closed next
    }
    RuntimeException failure = null;
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Exception e) {
        if (failure == null) {
          failure = new IllegalStateException("closing the CUDA backend failed", e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
