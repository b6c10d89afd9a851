package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.PathParameters;
import io.gptjava.train.plot.Chart;
import io.gptjava.train.plot.LossPlot;
import io.gptjava.train.report.ReportPage;
import io.gptjava.train.report.ReportWriter;
import io.gptjava.train.report.RunReport;
import io.gptjava.train.run.RunHistory;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Draws runs. */
@Command(
    name = "plot",
    description = {
      "Draws loss and learning rate of one or more runs, also while they train.",
      "Without --out the charts of a single run go into its folder, as svg, png and pdf.",
      "A page (--html, or an --out that ends in .html) is a single file with all curves to zoom"
          + " into, samples, configuration, environment and memory."
    },
    footer = {
      "",
      "Examples",
      "  gpt plot runs/a",
      "  gpt plot runs/a --html",
      "  gpt plot runs/a runs/b --out compare.html"
    })
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

  @Option(
      names = "--html",
      description = "Write the page of a run, report.html in its folder, instead of the charts.")
  private boolean html;

  @Option(names = "--learning-rate", description = "With --out: draw the learning rate instead.")
  private boolean learningRate;

  /** The command. */
  public PlotCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    if (out.isEmpty() && runs.size() > 1) {
      throw Usage.error("%d runs need a place for their chart; add --out FILE", runs.size());
    }
    if (html && !out.isEmpty() && out.stream().noneMatch(PlotCommand::isPage)) {
      throw Usage.error("--html writes a page; give it an --out FILE.html, or leave --html out");
    }
    if (!out.isEmpty()) {
      out.forEach(this::write);
    } else if (html) {
      write(runs.getFirst().resolve(ReportWriter.FILE));
    } else {
      Path run = runs.getFirst();
      LossPlot.draw(RunHistory.read(run), run);
      context.out().println("%s and learning-rate: svg, png, pdf".formatted(run.resolve("loss")));
    }
    return 0;
  }

  private void write(Path file) {
    if (isPage(file)) {
      ReportPage.of(runs.stream().map(RunReport::read).toList()).write(file);
    } else {
      List<RunHistory> histories = runs.stream().map(RunHistory::read).toList();
      Chart chart = learningRate ? LossPlot.learningRates(histories) : LossPlot.losses(histories);
      chart.write(file);
    }
    context.out().println(file);
  }

  private static boolean isPage(Path file) {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(".html");
  }
}
