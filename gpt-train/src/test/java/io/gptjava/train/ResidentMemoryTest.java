package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class ResidentMemoryTest {
  @Test
  void readsThePeakFromProc() {
    List<String> status = List.of("VmPeak:\t  999 kB", "VmHWM:\t  1234 kB", "VmRSS:\t 1000 kB");
    assertEquals(OptionalLong.of(1234 * 1024), ResidentMemory.parse(status));
    assertEquals(OptionalLong.empty(), ResidentMemory.parse(List.of("VmPeak:\t 1 kB")));
  }
}
