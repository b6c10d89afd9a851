package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.train.report.ReportPage;
import io.gptjava.train.report.RunComparison;
import io.gptjava.train.report.RunComparison.Difference;
import io.gptjava.train.report.RunComparison.Side;
import io.gptjava.train.report.RunComparison.Value;
import io.gptjava.train.report.RunReport;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Compares two runs. */
@Command(
    name = "compare",
    description = {
      "Compares two runs: losses at equal steps, throughput, and where configuration and"
          + " environment differ, with the origin of each value."
    },
    footer = {"", "Example", "  gpt compare runs/a runs/b --html compare.html"})
public final class CompareCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(index = "0", paramLabel = "RUN_A", description = "Folder of a run.")
  private Path first;

  @Parameters(index = "1", paramLabel = "RUN_B", description = "Folder of another.")
  private Path second;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Also write a page with the curves of both, one over the other.")
  private Path html;

  /** The command. */
  public CompareCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    RunComparison comparison = RunComparison.of(first, second);
    if (html != null) {
      ReportPage.of(List.of(RunReport.read(first), RunReport.read(second))).write(html);
    }
    if (json) {
      context.out().println(comparison.toJson());
    } else {
      print(comparison);
    }
    return 0;
  }

  private void print(RunComparison comparison) {
    Side a = comparison.a();
    Side b = comparison.b();
    row("", a.name(), b.name(), "");
    row("steps done", "%,d".formatted(a.steps()), "%,d".formatted(b.steps()), "");
    if (comparison.trainingStep().isPresent()) {
      long step = comparison.trainingStep().getAsLong();
      losses("training loss, step " + step, comparison, Side::trainingLoss);
    } else {
      context.out().println("No step that both have done.");
    }
    if (comparison.evaluationStep().isPresent()) {
      long step = comparison.evaluationStep().getAsLong();
      losses("  evaluated, step " + step, comparison, Side::evaluatedTrainingLoss);
      losses("validation loss, step " + step, comparison, Side::validationLoss);
      losses("  best up to there", comparison, Side::bestValidationLoss);
      row("  at step", bestStep(a), bestStep(b), "");
    }
    ratio("tokens/s, median", a.tokensPerSecond(), b.tokensPerSecond());
    ratio("ms/step, median", a.millisecondsPerStep(), b.millisecondsPerStep());
    differences("Configuration", comparison.configuration());
    differences("Environment", comparison.environment());
    if (html != null) {
      context.out().println();
      context.out().println(html);
    }
  }

  private void losses(String name, RunComparison comparison, ToDoubleFunction<Side> loss) {
    double a = loss.applyAsDouble(comparison.a());
    double b = loss.applyAsDouble(comparison.b());
    if (!Double.isNaN(a) || !Double.isNaN(b)) {
      row(name, number("%.4f", a), number("%.4f", b), number("%+.4f", b - a));
    }
  }

  private void ratio(String name, double a, double b) {
    row(name, number("%,.1f", a), number("%,.1f", b), number("× %.2f", b / a));
  }

  private static String bestStep(Side side) {
    return side.bestStep() < 0 ? "-" : "%d".formatted(side.bestStep());
  }

  private static String number(String format, double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, format, value) : "-";
  }

  private void row(String name, String a, String b, String difference) {
    String line = String.format(Locale.ROOT, "%-26s %16s %16s  %s", name, a, b, difference);
    context.out().println(line.stripTrailing());
  }

  private void differences(String title, List<Difference> differences) {
    context.out().println();
    context
        .out()
        .println(differences.isEmpty() ? title + ": the same" : title + ", where it differs:");
    for (Difference difference : differences) {
      context.out().println("  " + difference.key());
      context.out().println("    " + text(difference.a()));
      context.out().println("    " + text(difference.b()));
    }
  }

  private static String text(Optional<Value> value) {
    return value
        .map(v -> v.origin().isEmpty() ? v.text() : "%s  (%s)".formatted(v.text(), v.origin()))
        .orElse("-");
  }
}
