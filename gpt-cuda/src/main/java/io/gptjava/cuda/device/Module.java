package io.gptjava.cuda.device;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.DriverApi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** PTX that the driver compiled for this GPU. */
final class Module {
  private static final int ERROR_LOG_BUFFER = 5;
  private static final int ERROR_LOG_BUFFER_SIZE_BYTES = 6;
  private static final int LOG_BYTES = 8192;

  private final PtxModule ptx;
  private final long handle;

  private Module(PtxModule ptx, long handle) {
    this.ptx = ptx;
    this.handle = handle;
  }

  /**
   * Loads it.
   *
   * @throws CudaException with the compiler's words if the driver refuses it
   */
  static Module load(DriverApi driver, PtxModule ptx) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment image = arena.allocateFrom(ptx.text());
      MemorySegment log = arena.allocate(LOG_BYTES);
      MemorySegment options =
          arena.allocateFrom(JAVA_INT, ERROR_LOG_BUFFER, ERROR_LOG_BUFFER_SIZE_BYTES);
      MemorySegment values = arena.allocateFrom(JAVA_LONG, log.address(), LOG_BYTES);
      try {
        return new Module(ptx, driver.loadModule(image, 2, options, values));
      } catch (CudaException e) {
        log.set(JAVA_BYTE, LOG_BYTES - 1L, (byte) 0);
        String words = log.getString(0).strip();
        String what = "cuModuleLoadDataEx of module " + ptx.name();
        throw e.during(words.isEmpty() ? what : "%s (%s)".formatted(what, words));
      }
    }
  }

  PtxModule ptx() {
    return ptx;
  }

  long function(DriverApi driver, String kernel) {
    try {
      return driver.moduleFunction(handle, kernel);
    } catch (CudaException e) {
      throw e.during("cuModuleGetFunction of %s in module %s".formatted(kernel, ptx.name()));
    }
  }

  void unload(DriverApi driver) {
    driver.unloadModule(handle);
  }
}
