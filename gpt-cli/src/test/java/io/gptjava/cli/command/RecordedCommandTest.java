package io.gptjava.cli.command;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

final class RecordedCommandTest {
  @Test
  void filesOfThisMachineAreLeftOut() {
    assertEquals(
        "gpt bench kernels --only '^(gelu|copy)$' --precision fp32,bf16",
        RecordedCommand.of(
            List.of(
                "bench",
                "kernels",
                "--csv",
                "a.csv",
                "--only",
                "^(gelu|copy)$",
                "--plot=/b/c.svg",
                "--json",
                "--baseline",
                "before.json",
                "--precision",
                "fp32,bf16")));
  }
}
