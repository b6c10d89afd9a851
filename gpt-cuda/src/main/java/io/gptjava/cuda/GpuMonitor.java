package io.gptjava.cuda;

import io.gptjava.core.DeviceReadings;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.DriverApi.MemoryInfo;
import io.gptjava.cuda.ffi.NvmlApi;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Reads what a GPU is doing, by NVML where it is there. NVML is looked for at the first reading; a
 * GPU that it does not know, as in some containers, has only its memory read.
 */
final class GpuMonitor implements AutoCloseable {
  private static final NvmlApi.Readings NONE =
      new NvmlApi.Readings(
          OptionalInt.empty(),
          OptionalInt.empty(),
          OptionalInt.empty(),
          OptionalInt.empty(),
          OptionalInt.empty());

  private final CudaDevice device;
  private Optional<NvmlApi> nvml = Optional.empty();
  private long handle;
  private boolean looked;

  GpuMonitor(CudaDevice device) {
    this.device = device;
  }

  /** What the GPU is doing now; waits for nothing that it does. */
  DeviceReadings read() {
    if (!looked) {
      looked = true;
      open();
    }
    NvmlApi.Readings now = NONE;
    try {
      now = nvml.map(api -> api.readings(handle)).orElse(NONE);
    } catch (CudaException _) {
      close(); // such as a GPU that fell off its bus: the run itself will say so
    }
    MemoryInfo memory = device.memory();
    return new DeviceReadings(
        now.celsius(),
        watts(now.milliwatts()),
        watts(now.limitMilliwatts()),
        now.megahertz(),
        now.memoryMegahertz(),
        OptionalLong.of(memory.total() - memory.free()));
  }

  private void open() {
    try {
      nvml = NvmlApi.search(device.libraries()).library().map(NvmlApi::new);
      handle = nvml.map(api -> api.device(device.pciBusId())).orElse(0L);
    } catch (CudaException _) {
      close(); // readings are an extra; gpt doctor says what is wrong
    }
  }

  private static OptionalDouble watts(OptionalInt milliwatts) {
    return milliwatts.isPresent()
        ? OptionalDouble.of(milliwatts.getAsInt() * 1e-3)
        : OptionalDouble.empty();
  }

  @Override
  public void close() {
    nvml.ifPresent(NvmlApi::close);
    nvml = Optional.empty();
  }
}
