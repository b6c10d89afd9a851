package io.gptjava.cli.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** How much memory the machine can still give. */
public final class SystemMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path GROUP_LIMIT = Path.of("/sys/fs/cgroup/memory.max");

  private SystemMemory() {}

  /** Bytes available on the machine or in its container; empty where the system does not tell. */
  public static OptionalLong availableBytes() {
    OptionalLong machine = machine();
    OptionalLong group = group();
    if (machine.isEmpty() || group.isEmpty()) {
      return machine.isEmpty() ? group : machine;
    }
    return OptionalLong.of(Math.min(machine.getAsLong(), group.getAsLong()));
  }

  private static OptionalLong machine() {
    try (Stream<String> lines = Files.lines(MEMINFO)) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst();
    } catch (IOException | UncheckedIOException | NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  private static OptionalLong group() {
    try {
      return OptionalLong.of(Long.parseLong(Files.readString(GROUP_LIMIT).strip()));
    } catch (IOException | NumberFormatException e) {
      return OptionalLong.empty(); // no container, or one without a limit
    }
  }
}
