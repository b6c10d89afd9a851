package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.model.Models;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.SafetensorsFile;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.TrainerState;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.data.TokenFile;
import io.gptjava.train.formats.LlmcCheckpoint;
import io.gptjava.train.run.Checkpoint;
import io.gptjava.train.run.Checkpoints;
import io.gptjava.train.run.RunHistory;
import io.gptjava.train.run.RunState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Shows what is in a file or folder. */
@Command(
    name = "inspect",
    description =
        "Shows what is in a run, a checkpoint or model folder, a .safetensors, a .bin token shard or"
            + " a folder of them.")
public final class InspectCommand implements Callable<Integer> {
  private static final int SHOWN_TOKENS = 32;

  private final CliContext context;

  @Parameters(paramLabel = "PATH", description = "Run, checkpoint, model folder or file.")
  private Path path;

  /** The command. */
  public InspectCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    if (!Files.exists(path)) {
      throw new GptException(Failure.DATA, path + " does not exist; check the path");
    }
    if (path.toString().endsWith(".bin") && LlmcCheckpoint.isOne(path)) {
      llmc();
    } else if (path.toString().endsWith(".bin")) {
      shard();
    } else if (path.toString().endsWith(".safetensors")) {
      tensors(path);
    } else if (Files.isDirectory(path) && Models.isRun(path)) {
      run();
    } else if (Files.isRegularFile(path.resolve("config.json"))) {
      model();
    } else if (Files.isDirectory(path)) {
      shards();
    } else {
      throw new GptException(
          Failure.DATA,
          path + " is not a run, a model folder, a .safetensors or a .bin token shard");
    }
    return 0;
  }

  private void shard() {
    TextEncoder encoder = new Gpt2Tokenizer();
    try (TokenFile file = TokenFile.open(path, encoder.vocabularySize())) {
      int[] first = new int[(int) Math.min(SHOWN_TOKENS, file.size())];
      file.copy(0, first, 0, first.length);
      row("kind", "token shard");
      row("tokens", "%,d", file.size());
      row("begins", "%s", encoder.decode(first).replace('\n', ' '));
    }
  }

  private void llmc() {
    try (LlmcCheckpoint checkpoint = LlmcCheckpoint.open(path)) {
      row("kind", "checkpoint of llm.c, %s", checkpoint.type());
      shape(checkpoint.config());
    }
  }

  /** All shards of a folder. */
  private void shards() {
    List<Path> files;
    try (Stream<Path> entries = Files.list(path)) {
      files = entries.filter(file -> file.toString().endsWith(".bin")).sorted().toList();
    } catch (IOException e) {
      throw new GptException(
          Failure.DATA, "%s cannot be read: %s".formatted(path, e.getMessage()), e);
    }
    if (files.isEmpty()) {
      throw new GptException(
          Failure.DATA,
          path + " is not a run, a model folder or a folder of .bin token shards; check the path");
    }
    row("kind", "token shards");
    long tokens = 0;
    for (Path file : files) {
      try (TokenFile shard = TokenFile.open(file, new Gpt2Tokenizer().vocabularySize())) {
        row("  " + file.getFileName(), "%,d", shard.size());
        tokens += shard.size();
      }
    }
    row("tokens", "%,d", tokens);
  }

  private void tensors(Path file) {
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      long elements = tensors.tensors().values().stream().mapToLong(t -> t.elements()).sum();
      row("kind", "safetensors");
      row("metadata", "%s", tensors.metadata());
      row("tensors", "%,d with %,d numbers", tensors.tensors().size(), elements);
      tensors.tensors().values().forEach(tensor -> context.out().println("  " + tensor));
    }
  }

  private void model() {
    if (Checkpoint.isWeightsOnly(path)) {
      Checkpoint.verify(path);
      row("kind", "checkpoint of weights only, checksums right");
    } else if (Checkpoint.isCheckpoint(path)) {
      TrainerState state = Checkpoint.open(path).info().state();
      row("kind", "checkpoint, checksums right");
      row("step", "%,d", state.step());
      row("position", "epoch %d, batch %d", state.epoch() + 1, state.batch());
      row("tokens", "%,d trained on", state.tokens());
    } else {
      row("kind", "model in Hugging Face's form");
    }
    shape(Models.config(path));
  }

  private void shape(GptConfig config) {
    row("parameters", "%,d", config.parameterCount());
    row(
        "shape",
        "%d layers, %d heads, width %d, context %d, vocabulary %d",
        config.layers(),
        config.heads(),
        config.width(),
        config.contextLength(),
        config.vocabularySize());
    row(
        "details",
        "%s head, query/key/value bias %s, dropout %s",
        config.tieEmbeddings() ? "tied" : "untied",
        config.qkvBias() ? "yes" : "no",
        config.dropout());
  }

  private void run() {
    row("kind", "run");
    RunState.read(path)
        .ifPresent(
            state -> row("state", "%s, %,d steps in all", state.status(), state.totalSteps()));
    List<Long> checkpoints = Checkpoints.list(path);
    row(
        "checkpoints",
        "%s",
        checkpoints.isEmpty()
            ? "none"
            : checkpoints.stream().map(Object::toString).collect(Collectors.joining(", ")));
    Checkpoints.best(path).ifPresent(best -> row("best", "%d", best));
    RunHistory history = RunHistory.read(path);
    if (!history.steps().isEmpty()) {
      TrainingEvent.Step last = history.steps().getLast();
      row("last step", "%d, loss %.4f", last.step(), last.loss());
    }
    if (!history.evaluations().isEmpty()) {
      TrainingEvent.Evaluated last = history.evaluations().getLast();
      row(
          "last evaluation",
          "step %d, train %.4f, validation %.4f",
          last.step(),
          last.trainLoss(),
          last.validationLoss());
    }
    if (!checkpoints.isEmpty()) {
      shape(Models.config(path));
    }
  }

  private void row(String name, String format, Object... values) {
    context
        .out()
        .println(
            String.format(Locale.ROOT, "%-18s ", name)
                + String.format(Locale.ROOT, format, values));
  }
}
