package io.gptjava.cuda.blas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.BackendOptions;
import io.gptjava.core.DType;
import io.gptjava.cuda.device.CudaDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PanamaBlasTest extends BlasContract {
  private static final Matmul PRODUCT =
      Matmul.dense(64, 96, 48, false, false, DType.F32, DType.F32, Epilogue.GELU_AUX_BIAS);
  private static final Matmul GRADIENT =
      Matmul.dense(64, 96, 48, true, false, DType.BF16, DType.F32, Epilogue.BIAS_GRADIENT)
          .accumulating(true);

  @TempDir private Path folder;
  private final List<String> warnings = new ArrayList<>();

  @Override
  Blas open(CudaDevice device, BackendOptions options) {
    return new PanamaBlas(device, false, Optional.empty(), warnings::add);
  }

  private void measure(CudaDevice device) {
    try (Blas measuring = new PanamaBlas(device, false, Optional.of(folder), warnings::add);
        BlasTrial product = new BlasTrial(device, PRODUCT, 0);
        BlasTrial gradient = new BlasTrial(device, GRADIENT, 0)) {
      product.check(measuring);
      gradient.check(measuring);
    }
  }

  private Path file() throws IOException {
    try (var files = Files.list(folder)) {
      return files.findFirst().orElseThrow();
    }
  }

  @Test
  void algorithmsAreMeasuredOnceAndKept() throws IOException {
    warnings.clear();
    measure(device());
    String kept = Files.readString(file());
    assertTrue(kept.contains("64x96x48"), kept);
    assertTrue(kept.contains("GELU_AUX_BIAS") && kept.contains("BIAS_GRADIENT"), kept);
    measure(device());
    assertEquals(kept, Files.readString(file()));
    assertEquals(List.of(), warnings);
  }

  @Test
  void anAlgorithmThatDoesNotFitIsReplaced() throws IOException {
    measure(device());
    String kept = Files.readString(file());
    AlgorithmCache cache =
        new AlgorithmCache(
            Optional.of(folder), device().name(), blas().description(), warnings::add);
    kept.lines()
        .filter(line -> line.contains("\t"))
        .forEach(line -> cache.put(line.substring(0, line.indexOf('\t')), new byte[] {1, 2, 3}));
    warnings.clear();
    measure(device());
    assertEquals(2, warnings.size(), warnings::toString);
    warnings.clear();
    measure(device());
    assertEquals(List.of(), warnings);
  }
}
