package io.gptjava.cuda.device;

import io.gptjava.core.BackendOptions;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.DeviceAttribute;
import io.gptjava.cuda.ffi.DriverApi;
import io.gptjava.cuda.ffi.LibraryFinder;
import io.gptjava.cuda.ffi.NvtxApi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/**
 * One GPU: its primary context, a main stream, memory, and kernels by name. Not thread-safe, but
 * any thread may use it in turn.
 */
public final class CudaDevice implements AutoCloseable {
  private static final int HOPPER_MAJOR = 9;

  private final BackendOptions options;
  private final DriverApi driver;
  private final LibraryFinder libraries;
  private final int device;
  private final long context;
  private final String name;
  private final int major;
  private final int minor;
  private final int multiprocessors;
  private final long maxSharedMemoryPerBlock;
  private final Arena arena = Arena.ofShared();
  private final Set<DeviceResource> open = Collections.synchronizedSet(new LinkedHashSet<>());
  private final AtomicLong opened = new AtomicLong();
  private final Map<Long, DeviceMemory> allocations = new HashMap<>();
  private final Map<String, Kernel> kernels = new HashMap<>();
  private final Map<String, Module> modules = new HashMap<>();
  private final PtxLibrary ptx;
  private final Optional<NvtxApi> nvtx;
  private final Stream stream;
  private boolean closed;

  private CudaDevice(BackendOptions options, LibraryFinder libraries, DriverApi driver) {
    this.options = options;
    this.libraries = libraries;
    this.driver = driver;
    this.device = driver.device(options.device());
    this.name = driver.deviceName(device);
    this.major = attribute(DeviceAttribute.COMPUTE_CAPABILITY_MAJOR);
    this.minor = attribute(DeviceAttribute.COMPUTE_CAPABILITY_MINOR);
    this.multiprocessors = attribute(DeviceAttribute.MULTIPROCESSOR_COUNT);
    this.maxSharedMemoryPerBlock = attribute(DeviceAttribute.MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    this.nvtx =
        options.syncKernels()
            ? NvtxApi.search(libraries).library().map(NvtxApi::new)
            : Optional.empty();
    this.ptx = new PtxLibrary(major == HOPPER_MAJOR ? "sm90a" : "sm80");
    this.context = driver.primaryContextRetain(device);
    makeCurrent();
    this.stream = new Stream(this, "main");
  }

  /**
   * Opens a device.
   *
   * @throws CudaException if the driver or the device is missing
   */
  public static CudaDevice open(BackendOptions options) {
    LibraryFinder libraries = new LibraryFinder(options.cudaLibrary(), options.cudaHome());
    DriverApi driver =
        new DriverApi(
            DriverApi.search(libraries)
                .require("Install the NVIDIA driver; gpt doctor shows what is missing."));
    driver.init();
    return new CudaDevice(options, libraries, driver);
  }

  /** The driver's functions. */
  public DriverApi driver() {
    return driver;
  }

  /** Where the device's other libraries are looked for. */
  public LibraryFinder libraries() {
    return libraries;
  }

  /** The GPU's name. */
  public String name() {
    return name;
  }

  /** Compute capability, such as 80 for 8.0. */
  public int computeCapability() {
    return 10 * major + minor;
  }

  /** Number of streaming multiprocessors. */
  public int multiprocessors() {
    return multiprocessors;
  }

  /** Shared memory in bytes that a block may ask for. */
  public long maxSharedMemoryPerBlock() {
    return maxSharedMemoryPerBlock;
  }

  /** One of its attributes. */
  public int attribute(DeviceAttribute attribute) {
    return driver.deviceAttribute(attribute, device);
  }

  /** PCI address, by which NVML knows it. */
  public String pciBusId() {
    return driver.devicePciBusId(device);
  }

  /** Free and total memory in bytes. */
  public DriverApi.MemoryInfo memory() {
    makeCurrent();
    return driver.memoryInfo();
  }

  /** Whether each kernel is waited for. */
  public boolean syncKernels() {
    return options.syncKernels();
  }

  /** Marks what follows in a profiler's timeline, when kernels are waited for. */
  void beginRange(MemorySegment rangeName) {
    if (nvtx.isPresent()) {
      nvtx.get().push(rangeName);
    }
  }

  /** Ends the last mark. */
  void endRange() {
    if (nvtx.isPresent()) {
      nvtx.get().pop();
    }
  }

  /**
   * Makes this device's context current on the calling thread. Always asked of the driver, which
   * answers in nanoseconds: only it knows what other devices did on this thread.
   */
  public void makeCurrent() {
    driver.setCurrentContext(context);
  }

  /** The stream that kernels run on. */
  public Stream stream() {
    return stream;
  }

  /** Another stream; the caller closes it. */
  public Stream newStream(String streamName) {
    makeCurrent();
    return new Stream(this, streamName);
  }

  /** An event; the caller closes it. */
  public Event newEvent(String eventName, boolean timed) {
    makeCurrent();
    return new Event(this, eventName, timed);
  }

  /**
   * Device memory; the caller closes it. Its content is undefined at first.
   *
   * @throws CudaException with {@link io.gptjava.core.Failure#CAPACITY} if there is not enough
   */
  public DeviceMemory allocate(String role, long bytes) {
    makeCurrent();
    try {
      return new DeviceMemory(this, role, bytes);
    } catch (CudaException e) {
      DriverApi.MemoryInfo memory = driver.memoryInfo();
      throw e.during(
          "%s of %,d MiB for %s (%,d of %,d MiB free)"
              .formatted(
                  e.call(),
                  mebibytes(bytes),
                  role,
                  mebibytes(memory.free()),
                  mebibytes(memory.total())));
    }
  }

  private static long mebibytes(long bytes) {
    return bytes + (1 << 20) - 1 >> 20;
  }

  /** Device memory by its address, given back by {@link #free}. */
  public long allocate(long bytes) {
    DeviceMemory memory = allocate("buffer", bytes);
    allocations.put(memory.address(), memory);
    return memory.address();
  }

  /** Gives back what {@link #allocate(long)} returned. */
  public void free(long address) {
    DeviceMemory memory = allocations.remove(address);
    if (memory == null) {
      throw new IllegalArgumentException("no allocation begins at 0x" + Long.toHexString(address));
    }
    memory.close();
  }

  /** Page-locked host memory; the caller closes it. */
  public PinnedMemory allocatePinned(String role, long bytes) {
    makeCurrent();
    return new PinnedMemory(this, role, bytes);
  }

  /**
   * A kernel by name; its module is loaded at first use.
   *
   * @throws CudaException if the driver cannot load it
   */
  public Kernel kernel(String kernelName) {
    Kernel kernel = kernels.get(kernelName);
    if (kernel == null) {
      kernel = load(kernelName);
      kernels.put(kernelName, kernel);
    }
    return kernel;
  }

  private Kernel load(String kernelName) {
    makeCurrent();
    PtxModule source = ptx.moduleOf(kernelName);
    Module module = modules.get(source.name());
    if (module == null) {
      module = Module.load(driver, source);
      modules.put(source.name(), module);
    }
    return new Kernel(
        this, source.kernels().get(kernelName), module.function(driver, kernelName), arena);
  }

  /** Waits until all streams are done. */
  public void synchronize() {
    makeCurrent();
    driver.synchronizeContext();
  }

  /**
   * How many resources (memory, streams, events, graphs) were opened so far, closed ones included:
   * work that has all it needs opens no more.
   */
  public long resourcesOpened() {
    return opened.get();
  }

  void opened(DeviceResource resource) {
    opened.incrementAndGet();
    open.add(resource);
  }

  void closed(DeviceResource resource) {
    open.remove(resource);
  }

  /**
   * Gives everything back.
   *
   * @throws IllegalStateException if something was left open; it is named, and closed all the same
   * @throws CudaException the first error on the way, such as that of a kernel nobody waited for
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    List<CudaException> errors = new ArrayList<>();
    attempt(stream::close, errors);
    List<DeviceResource> left = new ArrayList<>(open);
    left.reversed().forEach(resource -> attempt(resource::close, errors));
    modules.values().forEach(module -> attempt(() -> module.unload(driver), errors));
    attempt(() -> driver.setCurrentContext(0), errors);
    attempt(() -> driver.primaryContextRelease(device), errors);
    arena.close();
    if (!errors.isEmpty()) {
      CudaException first = errors.removeFirst();
      errors.forEach(first::addSuppressed);
      throw first;
    }
    if (!left.isEmpty()) {
      throw new IllegalStateException(
          "left open on %s: %s"
              .formatted(
                  name,
                  left.stream().map(DeviceResource::toString).collect(Collectors.joining(", "))));
    }
  }

  private static void attempt(Runnable release, List<CudaException> errors) {
    try {
      release.run();
    } catch (CudaException e) {
      errors.add(e);
    }
  }

  @Override
  public String toString() {
    return "%s (compute capability %d.%d, %d multiprocessors)"
        .formatted(name, major, minor, multiprocessors);
  }
}
