package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.PathParameters;
import io.gptjava.train.plot.Chart;
import io.gptjava.train.plot.LossPlot;
import io.gptjava.train.run.RunHistory;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Draws runs. */
@Command(
    name = "plot",
    description = {
      "Draws loss and learning rate of one or more runs, also while they train.",
      "Without --out the charts of a single run go into its folder, as svg, png and pdf."
    },
    footer = {"", "Examples", "  gpt plot runs/a", "  gpt plot runs/a runs/b --out compare.html"})
public final class PlotCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(arity = "1..*", paramLabel = "RUN", description = "Folders of runs.")
  private List<Path> runs;

  @Option(
      names = "--out",
      arity = "1..*",
      parameterConsumer = PathParameters.class,
      paramLabel = "FILE",
      description = "Files to draw into; the endings svg, png, pdf or html choose the format.")
  private List<Path> out = List.of();

  @Option(names = "--learning-rate", description = "With --out: draw the learning rate instead.")
  private boolean learningRate;

  /** The command. */
  public PlotCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    List<RunHistory> histories = runs.stream().map(RunHistory::read).toList();
    if (!out.isEmpty()) {
      Chart chart = learningRate ? LossPlot.learningRates(histories) : LossPlot.losses(histories);
      out.forEach(
          file -> {
            chart.write(file);
            context.out().println(file);
          });
      return 0;
    }
    if (runs.size() > 1) {
      throw Usage.error("%d runs need a place for their chart; add --out FILE", runs.size());
    }
    Path run = runs.getFirst();
    LossPlot.draw(histories.getFirst(), run);
    context.out().println("%s and learning-rate: svg, png, pdf".formatted(run.resolve("loss")));
    return 0;
  }
}
