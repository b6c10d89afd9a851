package io.gptjava.cuda.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.BackendOptions;
import io.gptjava.core.Failure;
import io.gptjava.cuda.CudaUnderTest;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ErrorTextTest {
  private static LibraryFinder finder() {
    BackendOptions options = CudaUnderTest.options();
    return new LibraryFinder(options.cudaLibrary(), options.cudaHome());
  }

  @Test
  void callCodeTextAndRemedy() {
    CudaException e =
        new CudaException(
            Failure.DEVICE, "cuLaunchKernel", "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal", "Do it.");
    assertEquals(
        "cuLaunchKernel failed: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal)\nDo it.", e.getMessage());
    CudaException named = e.during("cuLaunchKernel of kernel fill<<<(1, 1, 1), 32, 0>>>");
    assertTrue(
        named.getMessage().startsWith("cuLaunchKernel of kernel fill<<<(1, 1, 1), 32, 0>>> failed"),
        named.getMessage());
    assertSame(e, named.getCause());
    assertEquals(e.code(), named.code());
  }

  @Test
  void errorsInsideKernelsPointToSyncKernels() {
    for (int status : new int[] {700, 716, 719}) {
      CudaException e = DriverErrors.of("cuStreamSynchronize", status, "CUDA_ERROR", "words");
      assertTrue(e.hint().contains("--sync-kernels"), e.getMessage());
      assertEquals(Failure.DEVICE, e.failure());
    }
    assertEquals(Failure.CAPACITY, DriverErrors.of("cuMemAlloc_v2", 2, "", "").failure());
    assertEquals(Failure.CAPACITY, CublasStatus.failure("cublasCreate_v2", 3).failure());
    assertEquals("CUBLAS_STATUS_NOT_SUPPORTED", CublasStatus.failure("cublasLtMatmul", 15).code());
  }

  @Test
  void theDriverNamesItsErrors() {
    DriverApi driver = new DriverApi(DriverApi.search(finder()).require(""));
    driver.init();
    CudaException e = assertThrows(CudaException.class, () -> driver.device(1000));
    assertEquals("cuDeviceGet", e.call());
    assertEquals("CUDA_ERROR_INVALID_DEVICE", e.code());
    assertTrue(e.text().length() > 5, e.text());
  }

  @Test
  void nvmlReadsTheDeviceOfThatPciAddress() {
    DriverApi driver = new DriverApi(DriverApi.search(finder()).require(""));
    driver.init();
    String address = driver.devicePciBusId(driver.device(0));
    try (NvmlApi nvml = new NvmlApi(NvmlApi.search(finder()).require(""))) {
      assertTrue(nvml.driverVersion().matches("\\d+\\..*"), nvml.driverVersion());
      NvmlApi.Readings readings = nvml.readings(nvml.device(address));
      assertTrue(readings.celsius().orElse(20) > 0, readings.toString());
      CudaException e = assertThrows(CudaException.class, () -> nvml.device("no address"));
      assertEquals("nvmlDeviceGetHandleByPciBusId_v2", e.call());
    }
  }

  @Test
  void aLibraryThatLacksAFunctionIsNamed() {
    NativeLibrary nothing =
        new NativeLibrary("CUDA driver", "/somewhere/libcuda.so.1", name -> Optional.empty());
    CudaException e = assertThrows(CudaException.class, () -> new DriverApi(nothing));
    assertTrue(
        e.getMessage().startsWith("Looking up cuInit in /somewhere/libcuda.so.1"), e.getMessage());
    assertTrue(e.hint().contains("update the NVIDIA driver"), e.getMessage());
  }

  @Test
  void theFileOfAFunctionIsFound() {
    assumeTrue(System.getProperty("os.name").equals("Linux"), "only Linux tells");
    String file =
        LoadedFile.of(Linker.nativeLinker().defaultLookup().findOrThrow("strlen")).orElseThrow();
    assertTrue(file.contains("/libc"), file);
    assertEquals(Optional.empty(), LoadedFile.of(MemorySegment.ofAddress(16)));
  }
}
