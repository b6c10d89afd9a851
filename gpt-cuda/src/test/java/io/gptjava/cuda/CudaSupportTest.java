package io.gptjava.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.BackendOptions;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class CudaSupportTest {
  @Test
  void aDeviceIsFound() {
    CudaSupport support = CudaSupport.look(CudaUnderTest.options());
    assertEquals(Optional.empty(), support.reasonUnavailable());
    assertTrue(support.cudaVersion() >= 12000, "CUDA " + support.cudaVersion());
    assertTrue(support.gpus().getFirst().computeCapability() >= 80);
    assertTrue(support.blasVersion().orElseThrow() >= 110000);
  }

  @Test
  void aDeviceThatDoesNotExistIsExplained() {
    String reason =
        CudaSupport.look(CudaUnderTest.options().withDevice(99)).reasonUnavailable().orElseThrow();
    assertTrue(reason.startsWith("--device 99 does not exist: the driver sees"), reason);
  }

  @Test
  void withoutADriverEachPlaceIsNamed() {
    BackendOptions options =
        BackendOptions.DEFAULT.withCuda(
            Optional.of(Path.of("/nowhere/libcuda.so")), Optional.empty());
    CudaSupport support = CudaSupport.look(options);
    assumeTrue(support.driver().library().isEmpty(), "this machine has an NVIDIA driver");
    String reason = support.reasonUnavailable().orElseThrow();
    assertTrue(
        reason.startsWith(
            "no NVIDIA driver found (/nowhere/libcuda.so: no such file; libcuda.so.1: "),
        reason);
    assertTrue(reason.lines().count() <= 3, reason);
    assertTrue(reason.contains("install its driver"), reason);
    assertTrue(support.gpus().isEmpty());
    assertFalse(new CudaBackendProvider().automatic(options));
  }

  @Test
  void theEmulatorIsNeverTakenByItself() {
    assumeTrue(!CudaUnderTest.real(), "these tests run on a GPU");
    assertFalse(new CudaBackendProvider().automatic(CudaUnderTest.options()));
    assertEquals(
        Optional.empty(), new CudaBackendProvider().reasonUnavailable(CudaUnderTest.options()));
  }

  @Test
  void doctorNamesWhatItFound() {
    var findings = CudaDoctor.examine(CudaUnderTest.options());
    String text = findings.toString();
    for (String name : new String[] {"NVIDIA driver", "GPU 0", "NVML", "cuBLASLt", "cuBLAS"}) {
      assertTrue(findings.stream().anyMatch(finding -> finding.name().equals(name)), text);
    }
    assertFalse(text.contains("missing"), text);
    assertTrue(text.contains("compute capability"), text);
  }

  @Test
  void doctorSaysHowToGetWhatIsMissing() {
    BackendOptions options =
        BackendOptions.DEFAULT.withCuda(Optional.of(Path.of("/nowhere/x.so")), Optional.empty());
    assumeTrue(CudaSupport.look(options).driver().library().isEmpty(), "this machine has a driver");
    var findings = CudaDoctor.examine(options);
    assertTrue(findings.getFirst().text().startsWith("missing: /nowhere/x.so: no such file"));
    assertEquals("to install", findings.getLast().name());
    assertTrue(CudaRemedies.blas(12080).contains("pip install --user nvidia-cublas-cu12,"));
    assertTrue(CudaRemedies.blas(13000).contains("pip install --user nvidia-cublas,"));
    assertTrue(CudaRemedies.blas(13000).contains("-Pcuda-redist"));
  }
}
