package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.run.SystemMemory;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.BackendProvider;
import io.gptjava.core.Backends;
import io.gptjava.cpu.onednn.OneDnnApi;
import io.gptjava.cpu.onednn.OneDnnSupport;
import io.gptjava.cuda.CudaDoctor;
import io.gptjava.train.run.Environment;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import jdk.incubator.vector.FloatVector;
import picocli.CommandLine.Command;

/** Says what this machine offers and what to do about what is missing. */
@Command(
    name = "doctor",
    description =
        "Shows machine, JDK, vector unit, GPU, libraries, backends: found, missing, what to do.")
public final class DoctorCommand implements Callable<Integer> {
  private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
  private static final int WIDE_BITS = 256;

  private final CliContext context;

  /** The command. */
  public DoctorCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    Environment environment = Environment.current("", Optional.empty(), "");
    row("system", environment.system());
    row(
        "processor",
        "%s, %d usable threads"
            .formatted(environment.processor().orElse("model unknown"), environment.processors()));
    row("memory", memory(environment));
    row("huge pages", hugePages());
    row("JDK", environment.jdk() + ", " + System.getProperty("java.home"));
    row("heap", "at most %s".formatted(gibibytes(Runtime.getRuntime().maxMemory())));
    row("vector unit", vectorUnit());
    BackendOptions hints = BackendChoice.hints(context.environment());
    for (BackendProvider provider : Backends.providers()) {
      row(
          "backend " + provider.name(),
          provider
              .reasonUnavailable(hints)
              .map(reason -> "missing: " + reason.lines().findFirst().orElse(""))
              .orElse("found"));
    }
    CudaDoctor.examine(hints).forEach(finding -> row(finding.name(), finding.text()));
    OneDnnSupport oneDnn = OneDnnSupport.look(hints.cache());
    row("oneDNN", oneDnn(oneDnn));
    row("bf16 on the CPU", bf16(oneDnn));
    row("charts", "svg, png, pdf, html; png needs fonts (fontconfig and a TrueType font)");
    context.out().flush();
    return 0;
  }

  private void row(String name, String text) {
    PrintStream out = context.out();
    out.printf(Locale.ROOT, "%-18s %s%n", name, text);
  }

  private static String memory(Environment environment) {
    String total = gibibytes(environment.memoryBytes());
    return SystemMemory.availableBytes().stream()
        .mapToObj(bytes -> "%s, %s available".formatted(total, gibibytes(bytes)))
        .findFirst()
        .orElse(total);
  }

  private static String gibibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }

  private static String hugePages() {
    try {
      String setting = Files.readString(HUGE_PAGES).strip();
      return setting.contains("[never]")
          ? "off: matrix products run slower; as root: echo madvise > " + HUGE_PAGES
          : "on (%s)".formatted(setting);
    } catch (IOException e) {
      return "no setting found: this system manages them by itself";
    }
  }

  private static String bf16(OneDnnSupport support) {
    return support.api().filter(OneDnnApi::multipliesHalves).isPresent()
        ? "fast: the processor multiplies bf16, through oneDNN (--precision bf16)"
        : "as slow as fp32: %s; it takes AVX512_BF16 or AMX, and oneDNN"
            .formatted(support.reasonAgainstHalves());
  }

  private static String oneDnn(OneDnnSupport support) {
    return support
        .api()
        .map(
            api ->
                "found: version %s, %s (--cpu-matmul onednn)"
                    .formatted(api.version(), support.where()))
        .orElseGet(
            () ->
                "missing: %s; --cpu-matmul vector needs no library"
                    .formatted(String.join("; ", support.reasons())));
  }

  private static String vectorUnit() {
    int bits = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    return bits >= WIDE_BITS
        ? "%d bits, %d floats at once".formatted(bits, FloatVector.SPECIES_PREFERRED.length())
        : "%d bits only: training will be slow on this processor".formatted(bits);
  }
}
