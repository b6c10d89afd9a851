package io.gptjava.cli.run;

import io.gptjava.core.Backend;
import io.gptjava.train.RunLength;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.Datasets;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** The lines before the first step: device, data, model, length. */
public final class RunHeader {
  private RunHeader() {}

  /** Prints them. */
  public static void print(PrintStream out, Backend backend, TrainConfig config, Datasets data) {
    BatchConfig batch = config.batch();
    RunLength length = RunLength.of(batch, data.training());
    line(out, "Using %s device.", backend.name());
    line(out, "Device: %s", backend.description());
    if (data.characters() > 0) {
      line(out, "Characters: %,d", data.characters());
    }
    line(out, "Tokens: %,d", data.tokens());
    if (!data.validationShards().isEmpty()) {
      line(
          out,
          config.data().validation().isEmpty()
              ? "Validation data by name, not trained on: %s"
              : "Left out of --data, as --val-data is given: %s",
          names(data.validationShards()));
    }
    line(
        out,
        "Batches: %,d training, %,d validation, each [%d, %d]",
        data.training().batches(),
        data.validation().map(BatchSource::batches).orElse(0),
        batch.batchSize(),
        batch.sequenceLength());
    line(out, "Model parameters: %,d", config.model().parameterCount());
    line(out, "Steps: %,d (%,d an epoch)", length.totalSteps(), length.stepsPerEpoch());
  }

  private static String names(List<Path> files) {
    String first = files.getFirst().getFileName().toString();
    return files.size() == 1 ? first : first + " and " + (files.size() - 1) + " more";
  }

  private static void line(PrintStream out, String format, Object... values) {
    out.println(String.format(Locale.ROOT, format, values));
  }
}
