package io.gptjava.cli.command;

import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelCsv;
import io.gptjava.benchmarks.kernels.KernelRoofline;
import io.gptjava.train.plot.RooflinePlot;
import io.gptjava.train.run.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** The flags that say which files a benchmark of single ops writes besides. */
final class KernelOutputs {
  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write the figures as CSV too, a row an op and shape.")
  private Path csv;

  @Option(
      names = "--plot",
      paramLabel = "FILE",
      description =
          "Draw the roofline too; the ending svg, png or pdf chooses the format. Of several shapes or"
              + " precisions each gets a file, its name with theirs added.")
  private Path plot;

  /**
   * Sees, before anything is measured, that the files can be written.
   *
   * @throws io.gptjava.core.GptException with {@link io.gptjava.core.Failure#USAGE} if not
   */
  void check() {
    if (plot != null) {
      RooflinePlot.check(plot);
      checkFolder("--plot", plot);
    }
    if (csv != null) {
      checkFolder("--csv", csv);
    }
  }

  private static void checkFolder(String flag, Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (Files.isDirectory(file) || folder == null || !Files.isDirectory(folder)) {
      throw Usage.error(
          "%s %s: %s; name a file in a folder that exists",
          flag, file, Files.isDirectory(file) ? "it is a folder" : "its folder does not exist");
    }
  }

  /** Writes what was asked for and returns the files. */
  List<Path> write(List<KernelBenchmarkResult> results) {
    List<Path> written = new ArrayList<>();
    if (csv != null) {
      try {
        DurableFiles.replace(csv, KernelCsv.of(results).getBytes(StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw DurableFiles.cannotWrite(csv, "choose another place for the figures", e);
      }
      written.add(csv);
    }
    for (KernelBenchmarkResult result : results) {
      if (plot != null && !result.kernels().isEmpty()) {
        Path file = results.size() == 1 ? plot : named(result);
        RooflinePlot.of(KernelRoofline.of(result)).write(file);
        written.add(file);
      }
    }
    return written;
  }

  /** {@code roof.svg} becomes {@code roof-bf16-B4-T1024-C768.svg}. */
  private Path named(KernelBenchmarkResult result) {
    String name = plot.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return plot.resolveSibling(
        name.substring(0, dot) + "-" + result.settings().label() + name.substring(dot));
  }
}
