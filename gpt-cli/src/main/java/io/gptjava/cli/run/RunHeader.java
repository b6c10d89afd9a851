package io.gptjava.cli.run;

import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.train.RunLength;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.data.WindowLoader;
import java.io.PrintStream;
import java.util.Locale;

/** The lines before the first step: device, data, model, length. */
public final class RunHeader {
  private RunHeader() {}

  /** Prints them. */
  public static void print(PrintStream out, Workbench bench) {
    Datasets data = bench.data();
    BatchConfig batch = bench.config().batch();
    RunLength length = RunLength.of(batch, data.training());
    line(out, "Using %s device.", bench.backend().name());
    line(out, "Device: %s", bench.backend().description());
    if (data.characters() > 0) {
      line(out, "Characters: %,d", data.characters());
    }
    line(out, "Tokens: %,d", data.tokens());
    line(
        out,
        "Batches: %,d training, %,d validation, each [%d, %d]",
        data.training().batches(),
        data.validation().map(WindowLoader::batches).orElse(0),
        batch.batchSize(),
        batch.sequenceLength());
    line(out, "Model parameters: %,d", bench.config().model().parameterCount());
    line(
        out,
        "Steps: %,d (%,d an epoch)",
        length.totalSteps(),
        length.stepsPerEpoch());
  }

  /** Prints the resolved configuration and what it needs in memory. */
  public static void printDryRun(PrintStream out, ResolvedSettings settings, Workbench bench) {
    settings
        .recorded()
        .forEach(
            (key, recorded) ->
                line(
                    out,
                    "%-26s %-28s %s",
                    key,
                    String.join(" ", recorded.values()),
                    recorded.origin()));
    out.println();
    print(out, bench);
    out.println("Memory:");
    out.print(bench.ledger().table());
  }

  private static void line(PrintStream out, String format, Object... values) {
    out.println(String.format(Locale.ROOT, format, values));
  }
}
