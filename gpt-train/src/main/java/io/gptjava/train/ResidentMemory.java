package io.gptjava.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/** Peak resident memory of this process, where the system tells it. */
public final class ResidentMemory {
  private ResidentMemory() {}

  /** {@code VmHWM} of {@code /proc/self/status} in bytes; empty where there is no such file. */
  public static OptionalLong peakBytes() {
    try {
      return parse(Files.readAllLines(Path.of("/proc/self/status")));
    } catch (IOException _) {
      return OptionalLong.empty(); // not Linux
    }
  }

  static OptionalLong parse(List<String> status) {
    return status.stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .findFirst();
  }
}
