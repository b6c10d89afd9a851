package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gptjava.core.Failure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalInt;

/**
 * NVML, which reports on GPUs: driver version, temperature, power, clocks. See NVIDIA, <i>NVML API
 * Reference Guide</i>. Comes with the driver.
 */
public final class NvmlApi extends NativeApi implements AutoCloseable {
  private static final List<String> SONAMES = List.of("libnvidia-ml.so.1");
  private static final int TEXT_BYTES = 96;
  private static final int NOT_SUPPORTED = 3;
  private static final int TEMPERATURE_GPU = 0;
  private static final int CLOCK_SM = 1;
  private static final int CLOCK_MEMORY = 2;

  private final NativeFunction init = function("nvmlInit_v2");
  private final NativeFunction shutdown = function("nvmlShutdown");
  private final NativeFunction driverVersion = function("nvmlSystemGetDriverVersion");
  private final NativeFunction byPciBusId = function("nvmlDeviceGetHandleByPciBusId_v2");
  private final NativeFunction temperature = function("nvmlDeviceGetTemperature");
  private final NativeFunction powerUsage = function("nvmlDeviceGetPowerUsage");
  private final NativeFunction powerLimit = function("nvmlDeviceGetEnforcedPowerLimit");
  private final NativeFunction clockInfo = function("nvmlDeviceGetClockInfo");

  /** Binds the functions of a library and starts it; {@link #close()} stops it. */
  public NvmlApi(NativeLibrary library) {
    super(library);
    init.call();
  }

  /** Looks for NVML. */
  public static LibrarySearch search(LibraryFinder finder) {
    return finder.find("NVML", "nvmlInit_v2", SONAMES);
  }

  @Override
  CudaException failure(String call, int status) {
    String name =
        switch (status) {
          case 2 -> "NVML_ERROR_INVALID_ARGUMENT";
          case NOT_SUPPORTED -> "NVML_ERROR_NOT_SUPPORTED";
          case 4 -> "NVML_ERROR_NO_PERMISSION";
          case 6 -> "NVML_ERROR_NOT_FOUND";
          case 9 -> "NVML_ERROR_DRIVER_NOT_LOADED";
          case 15 -> "NVML_ERROR_GPU_IS_LOST";
          case 18 -> "NVML_ERROR_LIB_RM_VERSION_MISMATCH";
          default -> "NVML status " + status;
        };
    String hint =
        switch (status) {
          case 9 -> "The NVIDIA kernel module is not loaded: sudo modprobe nvidia, or reboot.";
          case 18 -> "The driver was updated while it was loaded: reboot.";
          default -> "";
        };
    return new CudaException(Failure.DEVICE, call, name, "", hint);
  }

  /** Version of the installed driver, such as {@code 580.65.06}. */
  public String driverVersion() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocate(TEXT_BYTES);
      driverVersion.call(text, TEXT_BYTES);
      return text.getString(0);
    }
  }

  /** Handle of the device at a PCI address as the driver API gives it. */
  public long device(String pciBusId) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      byPciBusId.call(arena.allocateFrom(pciBusId), out);
      return out.get(JAVA_LONG, 0);
    }
  }

  /** What a GPU is doing; readings that it does not support are empty. */
  public Readings readings(long device) {
    return new Readings(
        reading(out -> temperature.status(device, TEMPERATURE_GPU, out), temperature),
        reading(out -> powerUsage.status(device, out), powerUsage),
        reading(out -> powerLimit.status(device, out), powerLimit),
        reading(out -> clockInfo.status(device, CLOCK_SM, out), clockInfo),
        reading(out -> clockInfo.status(device, CLOCK_MEMORY, out), clockInfo));
  }

  /**
   * What a GPU is doing.
   *
   * @param celsius temperature
   * @param milliwatts power drawn
   * @param limitMilliwatts power limit
   * @param megahertz clock of the multiprocessors
   * @param memoryMegahertz clock of the memory
   */
  public record Readings(
      OptionalInt celsius,
      OptionalInt milliwatts,
      OptionalInt limitMilliwatts,
      OptionalInt megahertz,
      OptionalInt memoryMegahertz) {}

  private interface Query {
    int status(MemorySegment out);
  }

  private static OptionalInt reading(Query query, NativeFunction function) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      int status = query.status(out);
      if (status == NOT_SUPPORTED) {
        return OptionalInt.empty();
      }
      function.check(status);
      return OptionalInt.of(out.get(JAVA_INT, 0));
    }
  }

  @Override
  public void close() {
    shutdown.call();
  }
}
