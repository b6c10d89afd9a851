package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.PathParameters;
import io.gptjava.cli.model.Models;
import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.core.StepInputs;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.model.GptModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Measures a model on a text. */
@Command(
    name = "evaluate",
    description = {
      "Prints loss (nats a token) and perplexity of a model on a data set, read in windows that do"
          + " not overlap."
    },
    footer = {"", "Example", "  gpt evaluate runs/2026-01-31-story --data other.txt --json"})
public final class EvaluateCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(paramLabel = "PATH", description = "Run, checkpoint or Hugging Face folder.")
  private Path path;

  @Option(
      names = "--data",
      required = true,
      arity = "1..*",
      parameterConsumer = PathParameters.class,
      paramLabel = "PATH",
      description = "Text files, directories, globs or .bin shards.")
  private List<Path> data;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Sequences at once. Default: ${DEFAULT-VALUE}.")
  private int batchSize = 4;

  @Option(
      names = "--sequence-length",
      paramLabel = "N",
      description = "Window in tokens. Default: the model's context length.")
  private Integer sequenceLength;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Mixin private DeviceOptions device;

  /** The command. */
  public EvaluateCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    if (batchSize < 1) {
      throw Usage.error("--batch-size %d must be at least 1", batchSize);
    }
    GptConfig config = Models.config(path);
    int sequence = sequenceLength == null ? config.contextLength() : sequenceLength;
    if (sequence < 1 || sequence > config.contextLength()) {
      throw Usage.error(
          "--sequence-length %d does not lie between 1 and the model's context length %d",
          sequence, config.contextLength());
    }
    DataConfig how = new DataConfig(data, List.of(), 1, 0, 0, false, false);
    try (Datasets sets = Datasets.forEvaluation(how, sequence, batchSize, new Gpt2Tokenizer());
        Backend backend = device.open(context)) {
      GptModel model = Models.load(backend, path, batchSize, sequence);
      report(evaluate(backend, model, sets.training()));
    }
    return 0;
  }

  /** Sum of losses and number of targets. */
  private record Total(double loss, long tokens) {
    double mean() {
      return loss / tokens;
    }
  }

  private static Total evaluate(Backend backend, GptModel model, BatchSource source) {
    Batch batch = new Batch(source.batchSize(), source.sequence());
    Total total = new Total(0, 0);
    for (int i = 0; i < source.batches(); i++) {
      source.read(0, i, batch);
      long targets = batch.targetCount();
      backend.stepControl().begin(new StepInputs(0, 0, 0, 0, 1, targets));
      model.load(batch);
      model.evaluate();
      double loss = backend.stepControl().read().loss();
      // Weighted, since the last batch may be smaller.
      total = new Total(total.loss + loss * targets, total.tokens + targets);
    }
    return total;
  }

  private void report(Total total) {
    double perplexity = Math.exp(total.mean());
    if (json) {
      ObjectNode node = JsonNodeFactory.instance.objectNode();
      node.put("loss", total.mean());
      node.put("perplexity", perplexity);
      node.put("tokens", total.tokens);
      context.out().println(node);
    } else {
      context
          .out()
          .println(
              String.format(
                  Locale.ROOT,
                  "loss %.4f  perplexity %.2f  tokens %,d",
                  total.mean(),
                  perplexity,
                  total.tokens));
    }
  }
}
