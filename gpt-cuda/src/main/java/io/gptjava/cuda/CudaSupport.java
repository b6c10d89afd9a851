package io.gptjava.cuda;

import io.gptjava.core.BackendOptions;
import io.gptjava.cuda.ffi.CublasApi;
import io.gptjava.cuda.ffi.CublasLtApi;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.DeviceAttribute;
import io.gptjava.cuda.ffi.DriverApi;
import io.gptjava.cuda.ffi.LibraryFinder;
import io.gptjava.cuda.ffi.LibrarySearch;
import io.gptjava.cuda.ffi.NativeLibrary;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What this machine offers to the CUDA backend, found without opening a device. What is missing is
 * a value, not an exception.
 */
public final class CudaSupport {
  /** CUDA 12.0: its drivers load the PTX of this build. */
  private static final int OLDEST_CUDA = 12000;

  /** Ampere: asynchronous copies and bf16 tensor cores. */
  private static final int OLDEST_CAPABILITY = 80;

  private final BackendOptions options;
  private final LibrarySearch driverSearch;
  private final Optional<LibrarySearch> blasLtSearch;
  private final Optional<LibrarySearch> blasSearch;
  private final List<Gpu> gpus;
  private final int cudaVersion;
  private final Optional<String> failure;

  /**
   * A GPU that the driver sees.
   *
   * @param index its number for {@code --device}
   * @param name what NVIDIA calls it
   * @param computeCapability such as 80 for 8.0
   * @param multiprocessors how many
   * @param memoryBytes memory in all
   * @param pciBusId where it is plugged in
   */
  public record Gpu(
      int index,
      String name,
      int computeCapability,
      int multiprocessors,
      long memoryBytes,
      String pciBusId) {}

  private CudaSupport(BackendOptions options) {
    this.options = options;
    LibraryFinder finder = new LibraryFinder(options.cudaLibrary(), options.cudaHome());
    this.driverSearch = DriverApi.search(finder);
    List<Gpu> found = new ArrayList<>();
    int version = 0;
    Optional<String> trouble = Optional.empty();
    if (driverSearch.library().isPresent()) {
      try {
        DriverApi driver = new DriverApi(driverSearch.library().get());
        version = driver.driverVersion();
        driver.init();
        for (int i = 0; i < driver.deviceCount(); i++) {
          found.add(gpu(driver, i));
        }
      } catch (CudaException e) {
        trouble = Optional.of(e.getMessage());
      }
    }
    this.gpus = List.copyOf(found);
    this.cudaVersion = version;
    boolean worthwhile = driverSearch.library().isPresent();
    this.blasLtSearch = worthwhile ? Optional.of(CublasLtApi.search(finder)) : Optional.empty();
    this.blasSearch = worthwhile ? Optional.of(CublasApi.search(finder)) : Optional.empty();
    this.failure = trouble;
  }

  /** Looks around. Never throws. */
  public static CudaSupport look(BackendOptions options) {
    return new CudaSupport(options);
  }

  private static Gpu gpu(DriverApi driver, int index) {
    int device = driver.device(index);
    int major = driver.deviceAttribute(DeviceAttribute.COMPUTE_CAPABILITY_MAJOR, device);
    int minor = driver.deviceAttribute(DeviceAttribute.COMPUTE_CAPABILITY_MINOR, device);
    return new Gpu(
        index,
        driver.deviceName(device),
        10 * major + minor,
        driver.deviceAttribute(DeviceAttribute.MULTIPROCESSOR_COUNT, device),
        driver.deviceTotalMemory(device),
        driver.devicePciBusId(device));
  }

  private Optional<String> reason() {
    if (driverSearch.library().isEmpty()) {
      return Optional.of(
          "no NVIDIA driver found (%s)\n%s".formatted(driverSearch.reasons(), CudaRemedies.DRIVER));
    }
    if (cudaVersion < OLDEST_CUDA) {
      return Optional.of(
          "the NVIDIA driver supports CUDA %s, which is older than 12.0\n%s"
              .formatted(version(cudaVersion), CudaRemedies.DRIVER));
    }
    if (gpus.isEmpty()) {
      return Optional.of("the NVIDIA driver sees no GPU\n" + CudaRemedies.NO_GPU);
    }
    if (options.device() < 0 || options.device() >= gpus.size()) {
      return Optional.of(
          "--device %d does not exist: the driver sees %s"
              .formatted(
                  options.device(),
                  gpus.size() == 1 ? "one GPU, number 0" : gpus.size() + " GPUs, numbers from 0"));
    }
    Gpu gpu = gpus.get(options.device());
    if (gpu.computeCapability() < OLDEST_CAPABILITY) {
      return Optional.of(
          "%s has compute capability %s; the kernels need 8.0 (Ampere) or newer"
              .formatted(gpu.name(), capability(gpu)));
    }
    if (options.blas() == BackendOptions.Blas.PANAMA) {
      return blasLtSearch.filter(search -> search.library().isEmpty()).map(this::missing);
    }
    return Optional.empty();
  }

  private String missing(LibrarySearch search) {
    return "no %s found (%s)\n%s"
        .formatted(search.name(), search.reasons(), CudaRemedies.blas(cudaVersion));
  }

  /** Why the backend cannot run here with these options, in one to three lines. */
  public Optional<String> reasonUnavailable() {
    return failure.or(this::reason);
  }

  /** The GPUs that the driver sees. */
  public List<Gpu> gpus() {
    return gpus;
  }

  /** CUDA version of the driver: 1000 · major + 10 · minor; 0 without a driver. */
  public int cudaVersion() {
    return cudaVersion;
  }

  /** The search for the driver. */
  public LibrarySearch driver() {
    return driverSearch;
  }

  /** The searches for cuBLASLt and cuBLAS; none without a driver. */
  public List<LibrarySearch> blas() {
    List<LibrarySearch> searches = new ArrayList<>();
    blasLtSearch.ifPresent(searches::add);
    blasSearch.ifPresent(searches::add);
    return searches;
  }

  /** Version of cuBLASLt, if it was found: 10000 · major + 100 · minor + patch. */
  public Optional<Long> blasVersion() {
    return blasLtSearch
        .flatMap(LibrarySearch::library)
        .map((NativeLibrary library) -> new CublasLtApi(library).libraryVersion());
  }

  /** A CUDA version in its usual form. */
  static String version(int cudaVersion) {
    return "%d.%d".formatted(cudaVersion / 1000, cudaVersion % 1000 / 10);
  }

  /** A compute capability in its usual form. */
  static String capability(Gpu gpu) {
    return String.format(
        Locale.ROOT, "%d.%d", gpu.computeCapability() / 10, gpu.computeCapability() % 10);
  }
}
