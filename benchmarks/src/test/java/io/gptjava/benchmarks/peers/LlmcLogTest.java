package io.gptjava.benchmarks.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Lines as llm.c's format strings make them. */
final class LlmcLogTest {
  @Test
  void stepsOfTheCpuProgram() {
    LlmcLog log =
        LlmcLog.parse(
            List.of(
                "[GPT-2]",
                "num_parameters: 124475904",
                "train dataset num_batches: 1192",
                "val loss 5.325529",
                "step 0: train loss 5.356190 (took 1944.123400 ms)",
                "generating:",
                "---",
                "step 20: train loss of nothing",
                "---",
                "step 1: train loss 4.301069 (took 1100.5 ms)",
                "step 2: train loss 4.623322 (took 1200.5 ms)"));
    assertEquals(List.of(1944.1234, 1100.5, 1200.5), log.milliseconds());
    assertEquals(List.of(5.35619, 4.301069, 4.623322), log.losses());
    assertEquals(1150.5, log.timing(1).median());
    assertThrows(IllegalArgumentException.class, () -> log.timing(3));
  }

  @Test
  void stepsOfTheCudaProgram() {
    LlmcLog log =
        LlmcLog.parse(
            List.of(
                "| train batches         | 1192                                               |",
                "step    1/40 | loss 4.301069 (+nanz)| norm 15.3061 (+nanz)| lr 3.00e-04 | 123.46 ms | -100.0% bf16 MFU | 16589 tok/s",
                "step   40/40 | loss -nan (+0.12z)| norm 1.0e+01 (-1.50z)| lr 3.00e-04 | 120.25 ms | 38.2% bf16 MFU | 17031 tok/s"));
    assertEquals(List.of(123.46, 120.25), log.milliseconds());
    assertEquals(4.301069, log.losses().getFirst());
    assertTrue(Double.isNaN(log.losses().getLast()));
  }
}
