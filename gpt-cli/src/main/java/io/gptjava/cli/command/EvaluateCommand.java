package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.PathParameters;
import io.gptjava.cli.model.Models;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.Evaluator;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.data.TokenSource;
import io.gptjava.train.evaluate.Choice;
import io.gptjava.train.evaluate.ChoiceFile;
import io.gptjava.train.evaluate.ChoiceScorer;
import io.gptjava.train.evaluate.Memorization;
import io.gptjava.train.evaluate.SlidingWindows;
import io.gptjava.train.model.GptModel;
import java.nio.file.Path;
import java.util.Arrays;
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
          + " not overlap, or that begin every --stride tokens.",
      "With --multiple-choice: how many examples the model answers right. With --memorization (no"
          + " model needed): the longest run of tokens that a sample has from the data."
    },
    footer = {
      "",
      "Examples",
      "  gpt evaluate runs/2026-01-31-story --data other.txt --stride 64 --json",
      "  gpt evaluate gpt2/ --multiple-choice hellaswag_val.jsonl",
      "  gpt evaluate --memorization sample.txt --data book.txt"
    })
public final class EvaluateCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(
      arity = "0..1",
      paramLabel = "PATH",
      description = "Run, checkpoint or Hugging Face folder.")
  private Path path;

  @Option(
      names = "--data",
      arity = "1..*",
      parameterConsumer = PathParameters.class,
      paramLabel = "PATH",
      description = "Text files, directories, globs or .bin shards.")
  private List<Path> data = List.of();

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Distance of overlapping windows in tokens; every token counts once, those at the end"
              + " too.")
  private Integer stride;

  @Option(
      names = "--multiple-choice",
      paramLabel = "FILE",
      description =
          "Examples as JSON lines with ctx, endings and label (HellaSwag), or llm.c's .bin.")
  private Path choices;

  @Option(
      names = "--memorization",
      paramLabel = "FILE",
      description = "A sample, looked for in --data.")
  private Path sample;

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
    check();
    TextEncoder encoder = new Gpt2Tokenizer();
    if (sample != null) {
      reportMemorization(encoder);
      return 0;
    }
    GptConfig config = Models.config(path);
    int sequence = sequenceLength == null ? config.contextLength() : sequenceLength;
    if (sequence < 1 || sequence > config.contextLength()) {
      throw Usage.error(
          "--sequence-length %d does not lie between 1 and the model's context length %d",
          sequence, config.contextLength());
    }
    if (choices != null) {
      evaluateChoices(sequence, encoder);
    } else if (stride != null) {
      evaluateSliding(sequence, encoder);
    } else {
      evaluateWindows(sequence, encoder);
    }
    return 0;
  }

  private void check() {
    if (batchSize < 1) {
      throw Usage.error("--batch-size %d must be at least 1", batchSize);
    }
    if (choices != null && sample != null) {
      throw Usage.error("--multiple-choice and --memorization contradict each other; give one");
    }
    if (choices == null && data.isEmpty()) {
      throw Usage.error("Missing required option: '--data=PATH'");
    }
    if (sample == null && path == null) {
      throw Usage.error("Missing required parameter: 'PATH'");
    }
  }

  private void evaluateWindows(int sequence, TextEncoder encoder) {
    DataConfig how = new DataConfig(data, List.of(), 1, 0, 0, false, false);
    try (Datasets sets = Datasets.forEvaluation(how, sequence, batchSize, encoder);
        Backend backend = device.open(context)) {
      GptModel model = Models.load(backend, path, batchSize, sequence);
      report(evaluate(backend, model, sets.training()));
    }
  }

  private void evaluateSliding(int sequence, TextEncoder encoder) {
    if (stride < 1 || stride > sequence) {
      throw Usage.error(
          "--stride %d does not lie between 1 and the window of %d tokens", stride, sequence);
    }
    try (TokenSource tokens = tokens(encoder);
        Backend backend = device.open(context)) {
      if (tokens.size() < 2) {
        throw new GptException(
            Failure.DATA,
            "--data has %d tokens; at least 2 are needed to predict one".formatted(tokens.size()));
      }
      SlidingWindows windows = new SlidingWindows(tokens, sequence, stride, batchSize);
      GptModel model = Models.load(backend, path, batchSize, sequence);
      report(evaluate(backend, model, windows));
    }
  }

  private TokenSource tokens(TextEncoder encoder) {
    return Datasets.tokens("--data", data, encoder, Runtime.getRuntime().availableProcessors());
  }

  private void evaluateChoices(int sequence, TextEncoder encoder) {
    List<Choice> examples = ChoiceFile.read(choices, encoder);
    try (Backend backend = device.open(context)) {
      GptModel model = Models.load(backend, path, batchSize, sequence);
      ChoiceScorer.Result result = new ChoiceScorer(backend, model).score(examples);
      if (json) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("accuracy", result.accuracy());
        node.put("accuracy_norm", result.normalisedAccuracy());
        node.put("examples", result.examples());
        context.out().println(node);
      } else {
        print(
            "accuracy %.4f  normalised by length %.4f  examples %,d",
            result.accuracy(), result.normalisedAccuracy(), result.examples());
      }
    }
  }

  private void reportMemorization(TextEncoder encoder) {
    try (TokenSource text = tokens(encoder);
        TokenSource tokens = Datasets.tokens("--memorization", List.of(sample), encoder, 1)) {
      int[] ids = new int[Math.toIntExact(tokens.size())];
      tokens.copy(0, ids, 0, ids.length);
      Memorization.Match match = Memorization.longest(ids, text);
      String found =
          encoder.decode(
              Arrays.copyOfRange(ids, match.sampleFrom(), match.sampleFrom() + match.length()));
      if (json) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("longest", match.length());
        node.put("sample_tokens", ids.length);
        node.put("sample_from", match.sampleFrom());
        node.put("data_from", match.textFrom());
        node.put("text", found);
        context.out().println(node);
      } else {
        print(
            "longest run %,d of %,d tokens, at token %,d of the data: %s",
            match.length(), ids.length, match.textFrom(), found.replace('\n', ' '));
      }
    }
  }

  private static Evaluator.Result evaluate(Backend backend, GptModel model, BatchSource source) {
    return new Evaluator(model, backend.stepControl()).evaluate(source, 0, 0);
  }

  private void report(Evaluator.Result result) {
    double loss = result.lossPerToken();
    double perplexity = Math.exp(loss);
    if (json) {
      ObjectNode node = JsonNodeFactory.instance.objectNode();
      node.put("loss", loss);
      node.put("perplexity", perplexity);
      node.put("tokens", result.tokens());
      context.out().println(node);
    } else {
      print("loss %.4f  perplexity %.2f  tokens %,d", loss, perplexity, result.tokens());
    }
  }

  private void print(String format, Object... values) {
    context.out().println(String.format(Locale.ROOT, format, values));
  }
}
