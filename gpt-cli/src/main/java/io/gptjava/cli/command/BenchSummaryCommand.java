package io.gptjava.cli.command;

import io.gptjava.benchmarks.results.ResultsSummary;
import io.gptjava.cli.CliContext;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Sums up recorded measurements. */
@Command(
    name = "summary",
    description = {
      "Writes README.md into a folder of recorded measurements: what each file holds, and the tables of"
          + " kernels.",
      "",
      "Files are the JSON of gpt bench, and texts that begin with lines of command, commit, hardware and"
          + " date."
    },
    footer = {
      "",
      "Example",
      "  gpt bench kernels --json > benchmarks/results/mine.json; gpt bench summary benchmarks/results"
    })
public final class BenchSummaryCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(paramLabel = "FOLDER", description = "The folder.")
  private Path folder;

  /** The command. */
  BenchSummaryCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    String page = ResultsSummary.of(folder);
    Path file = folder.resolve(ResultsSummary.PAGE);
    OutputFile.write(file, page);
    context.out().println(file);
    return 0;
  }
}
