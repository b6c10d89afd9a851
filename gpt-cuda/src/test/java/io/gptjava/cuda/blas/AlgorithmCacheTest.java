package io.gptjava.cuda.blas;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AlgorithmCacheTest {
  private static final String KEY = "512x768x3072 NN BF16 BIAS";

  @TempDir private Path folder;
  private final List<String> warnings = new ArrayList<>();

  private AlgorithmCache cache(String device, String library) {
    return new AlgorithmCache(Optional.of(folder), device, library, warnings::add);
  }

  private AlgorithmCache cache() {
    return cache("NVIDIA H200", "cuBLASLt 12.6.4");
  }

  private Path file() throws IOException {
    try (var files = Files.list(folder)) {
      return files.findFirst().orElseThrow();
    }
  }

  @Test
  void nextRunFindsWhatThisOneMeasured() {
    assertTrue(cache().find(KEY).isEmpty());
    AlgorithmCache first = cache();
    first.put(KEY, new byte[] {1, -2, 3});
    first.put("other", new byte[] {4});
    AlgorithmCache second = cache();
    assertArrayEquals(new byte[] {1, -2, 3}, second.find(KEY).orElseThrow());
    assertArrayEquals(new byte[] {4}, second.find("other").orElseThrow());
    assertEquals(List.of(), warnings);
  }

  @Test
  void anotherGpuOrLibraryMeasuresItself() {
    cache().put(KEY, new byte[] {1});
    assertTrue(cache("NVIDIA H100", "cuBLASLt 12.6.4").find(KEY).isEmpty());
    assertTrue(cache("NVIDIA H200", "cuBLASLt 13.0.0").find(KEY).isEmpty());
    assertEquals(List.of(), warnings);
  }

  @Test
  void damageIsReportedAndRepaired() throws IOException {
    cache().put(KEY, new byte[] {0x12, 0x34});
    String good = Files.readString(file());
    for (String bad :
        List.of("", good.substring(0, good.length() / 2), good.replace("1234", "1235"), "x")) {
      Files.writeString(file(), bad);
      warnings.clear();
      AlgorithmCache cache = cache();
      assertTrue(cache.find(KEY).isEmpty(), bad);
      assertEquals(1, warnings.size(), bad);
      assertTrue(warnings.getFirst().contains(file().toString()), warnings.getFirst());
      cache.put(KEY, new byte[] {5});
      assertArrayEquals(new byte[] {5}, cache().find(KEY).orElseThrow());
    }
  }

  @Test
  void aFolderThatCannotBeWrittenIsReportedOnce() throws IOException {
    Path notAFolder = Files.writeString(folder.resolve("file"), "");
    AlgorithmCache cache =
        new AlgorithmCache(Optional.of(notAFolder), "gpu", "library", warnings::add);
    warnings.clear(); // reading may complain as well
    cache.put(KEY, new byte[] {1});
    cache.put("other", new byte[] {2});
    assertArrayEquals(new byte[] {1}, cache.find(KEY).orElseThrow());
    assertEquals(1, warnings.size());
  }

  @Test
  void withoutAFolderNothingIsKept() {
    AlgorithmCache cache = new AlgorithmCache(Optional.empty(), "gpu", "library", warnings::add);
    cache.put(KEY, new byte[] {1});
    assertArrayEquals(new byte[] {1}, cache.find(KEY).orElseThrow());
    assertEquals(List.of(), warnings);
  }
}
