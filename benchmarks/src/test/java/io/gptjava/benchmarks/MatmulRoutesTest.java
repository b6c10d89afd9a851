package io.gptjava.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.GptConfig;
import io.gptjava.cpu.onednn.OneDnnSupport;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class MatmulRoutesTest {
  private static final GptConfig SMALL = new GptConfig(300, 16, 64, 2, 2, 0, false, false);

  @Test
  void timesEveryProductByEveryRoute() {
    OneDnnSupport support = OneDnnSupport.look(Optional.of(Path.of("target", "cache")));
    try (MatmulRoutes routes = new MatmulRoutes(SMALL, 24, 2, support.api())) {
      List<MatmulRoutes.Rate> rates = routes.run(2);
      int ways = support.api().isPresent() ? 3 : 1;
      assertEquals(StepMatmul.of(SMALL, 24).size() * ways, rates.size());
      for (MatmulRoutes.Rate rate : rates) {
        assertEquals(
            rate.matmul().flops(), rate.gflops() * rate.milliseconds() * 1e6, rate.gflops());
      }
      String text = MatmulRoutes.text(rates);
      assertEquals(StepMatmul.of(SMALL, 24).size() + 2, text.lines().count());
      String header = text.lines().findFirst().orElseThrow();
      String names =
          rates.stream().map(MatmulRoutes.Rate::route).distinct().collect(Collectors.joining(" "));
      assertTrue(header.replaceAll(" +", " ").endsWith(names), header);
    }
  }
}
