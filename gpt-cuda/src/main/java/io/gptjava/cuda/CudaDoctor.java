package io.gptjava.cuda;

import io.gptjava.core.BackendOptions;
import io.gptjava.cuda.CudaSupport.Gpu;
import io.gptjava.cuda.ffi.CublasApi;
import io.gptjava.cuda.ffi.CublasLtApi;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.LibraryFinder;
import io.gptjava.cuda.ffi.LibrarySearch;
import io.gptjava.cuda.ffi.NativeLibrary;
import io.gptjava.cuda.ffi.NvmlApi;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/** What {@code gpt doctor} says about CUDA: GPUs, driver, libraries, and what is missing. */
public final class CudaDoctor {
  private static final String MISSING = "missing: ";

  private final BackendOptions options;
  private final CudaSupport support;
  private final List<Finding> findings = new ArrayList<>();

  /**
   * One line of the report.
   *
   * @param name what it is about
   * @param text what was found, or what is missing and what to do
   */
  public record Finding(String name, String text) {}

  private CudaDoctor(BackendOptions options) {
    this.options = options;
    this.support = CudaSupport.look(options);
  }

  /** Looks at the machine. Never throws. */
  public static List<Finding> examine(BackendOptions options) {
    return new CudaDoctor(options).examine();
  }

  private List<Finding> examine() {
    Optional<NativeLibrary> driver = support.driver().library();
    if (driver.isEmpty()) {
      add("NVIDIA driver", MISSING + support.driver().reasons());
      add("to install", CudaRemedies.DRIVER);
      LibraryFinder finder = new LibraryFinder(options.cudaLibrary(), options.cudaHome());
      for (LibrarySearch search : List.of(CublasLtApi.search(finder), CublasApi.search(finder))) {
        search.library().ifPresent(library -> add(search.name(), library.path()));
      }
      return findings;
    }
    try (Monitor monitor = new Monitor(options)) {
      add(
          "NVIDIA driver",
          "%sCUDA %s, %s"
              .formatted(
                  monitor.driverVersion().map(version -> version + ", ").orElse(""),
                  CudaSupport.version(support.cudaVersion()),
                  driver.get().path()));
      for (Gpu gpu : support.gpus()) {
        add("GPU " + gpu.index(), describe(gpu) + monitor.state(gpu));
      }
      if (support.gpus().isEmpty()) {
        add("GPU", MISSING + support.reasonUnavailable().orElse("the driver sees none"));
      }
      add("NVML", monitor.found());
    }
    support.blas().forEach(this::addBlas);
    return findings;
  }

  private void add(String name, String text) {
    findings.add(new Finding(name, text.replace("\n", " ")));
  }

  private void addBlas(LibrarySearch search) {
    if (search.library().isEmpty()) {
      add(search.name(), MISSING + search.reasons());
      add("to install", CudaRemedies.blas(support.cudaVersion()));
      return;
    }
    NativeLibrary library = search.library().get();
    String version = support.blasVersion().map(CudaDoctor::blasVersion).orElse("");
    // Only cuBLASLt tells its version without opening a device; both are of one release.
    add(search.name(), version.isEmpty() ? library.path() : version + ", " + library.path());
    boolean other =
        library.path().contains("libcublas.so.") && !library.path().contains("libcublas.so.12");
    if (search.name().equals(CublasApi.NAME) && other) {
      add("--blas jcuda", "not with this cuBLAS: JCuda needs libcublas.so.12");
    }
  }

  private static String blasVersion(long version) {
    return version / 10000 + "." + version / 100 % 100 + "." + version % 100;
  }

  private static String describe(Gpu gpu) {
    return String.format(
        Locale.ROOT,
        "%s, compute capability %s, %d multiprocessors, %.1f GiB",
        gpu.name(),
        CudaSupport.capability(gpu),
        gpu.multiprocessors(),
        gpu.memoryBytes() / (double) (1L << 30));
  }

  /** NVML while the report is written, if it is there. */
  private static final class Monitor implements AutoCloseable {
    private final LibrarySearch search;
    private Optional<NvmlApi> nvml = Optional.empty();
    private String trouble = "";

    Monitor(BackendOptions options) {
      search = NvmlApi.search(new LibraryFinder(options.cudaLibrary(), options.cudaHome()));
      try {
        nvml = search.library().map(NvmlApi::new);
      } catch (CudaException e) {
        trouble = e.getMessage();
      }
    }

    String found() {
      return search
          .library()
          .map(library -> trouble.isEmpty() ? library.path() : trouble)
          .orElseGet(() -> MISSING + search.reasons() + "; only needed to show clocks and power");
    }

    Optional<String> driverVersion() {
      return nvml.map(NvmlApi::driverVersion);
    }

    String state(Gpu gpu) {
      if (nvml.isEmpty()) {
        return "";
      }
      try {
        NvmlApi.Readings now = nvml.get().readings(nvml.get().device(gpu.pciBusId()));
        return reading(now.celsius(), 1, " °C")
            + reading(now.milliwatts(), 1000, " W")
            + reading(now.limitMilliwatts(), 1000, " W at most")
            + reading(now.megahertz(), 1, " MHz");
      } catch (CudaException e) {
        return ", " + e.getMessage();
      }
    }

    private static String reading(OptionalInt value, int unit, String suffix) {
      return value.isPresent() ? ", " + value.getAsInt() / unit + suffix : "";
    }

    @Override
    public void close() {
      nvml.ifPresent(NvmlApi::close);
    }
  }
}
