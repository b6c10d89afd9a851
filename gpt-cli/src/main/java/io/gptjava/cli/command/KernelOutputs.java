package io.gptjava.cli.command;

import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelCsv;
import io.gptjava.benchmarks.kernels.KernelRoofline;
import io.gptjava.train.plot.RooflinePlot;
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
      OutputFile.check("--plot", plot);
    }
    if (csv != null) {
      OutputFile.check("--csv", csv);
    }
  }

  /** Writes what was asked for and returns the files. */
  List<Path> write(List<KernelBenchmarkResult> results) {
    List<Path> written = new ArrayList<>();
    if (csv != null) {
      OutputFile.write(csv, KernelCsv.of(results));
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
