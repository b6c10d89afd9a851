package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ThroughputTest {
  @Test
  void theWindowForgetsASlowStart() {
    Throughput throughput = new Throughput();
    assertTrue(Double.isNaN(throughput.overall()));
    throughput.add(100, 100_000_000_000L);
    assertEquals(1, throughput.recent(), 1e-12);
    for (int i = 0; i < Throughput.WINDOW; i++) {
      throughput.add(100, 500_000_000);
    }
    assertEquals(200, throughput.recent(), 1e-9);
    assertEquals(110, throughput.seconds(), 1e-9);
    assertEquals(2100 / 110.0, throughput.overall(), 1e-9);
  }
}
