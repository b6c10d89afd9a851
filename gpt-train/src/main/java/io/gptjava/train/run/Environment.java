package io.gptjava.train.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where a run ran: enough to understand its speed and to repeat it.
 *
 * @param version of gpt-java
 * @param commit that it was built from, if known
 * @param backend description by the backend itself
 * @param jdk vendor and version
 * @param jvmFlags as given to the JVM
 * @param system name, version and architecture of the operating system
 * @param processor model name, if known
 * @param processors logical processors that the JVM may use
 * @param memoryBytes physical memory, or the container's share of it
 * @param started when this process began the run or went on with it
 */
public record Environment(
    String version,
    Optional<String> commit,
    String backend,
    String jdk,
    List<String> jvmFlags,
    String system,
    Optional<String> processor,
    int processors,
    long memoryBytes,
    Instant started) {
  /** Copies the list. */
  public Environment {
    jvmFlags = List.copyOf(jvmFlags);
  }

  /**
   * This machine and process. Reads system properties and {@code /proc/cpuinfo}; no network.
   *
   * @param backend description by the backend
   */
  public static Environment current(String version, Optional<String> commit, String backend) {
    long memory =
        ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
            ? system.getTotalMemorySize()
            : 0;
    return new Environment(
        version,
        commit,
        backend,
        "%s %s"
            .formatted(System.getProperty("java.vm.vendor"), System.getProperty("java.vm.version")),
        ManagementFactory.getRuntimeMXBean().getInputArguments(),
        "%s %s %s"
            .formatted(
                System.getProperty("os.name"),
                System.getProperty("os.version"),
                System.getProperty("os.arch")),
        processorName(Path.of("/proc/cpuinfo")),
        Runtime.getRuntime().availableProcessors(),
        memory,
        Instant.now().truncatedTo(ChronoUnit.SECONDS));
  }

  static Optional<String> processorName(Path cpuinfo) {
    try (Stream<String> lines = Files.lines(cpuinfo)) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst();
    } catch (IOException | UncheckedIOException _) {
      return Optional.empty(); // not Linux: the run does without
    }
  }

  ObjectNode toJson() {
    ObjectNode node = Json.object();
    node.put("gpt_java", version);
    node.put("commit", commit.orElse(null));
    node.put("backend", backend);
    node.put("jdk", jdk);
    jvmFlags.forEach(node.putArray("jvm_flags")::add);
    node.put("system", system);
    node.put("processor", processor.orElse(null));
    node.put("processors", processors);
    node.put("memory_bytes", memoryBytes);
    return node.put("started", started.toString());
  }
}
