package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.ShellWords;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.formats.LlmcCheckpoint;
import io.gptjava.train.formats.ModelWeights;
import io.gptjava.train.formats.OpenAiCheckpoint;
import io.gptjava.train.run.ModelFolder;
import io.gptjava.train.run.ModelFolderWriter;
import io.gptjava.train.run.NewOutput;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes a checkpoint of somebody else's model. */
@Command(
    name = "import",
    description = {
      "Makes a checkpoint of a GPT-2 in another program's format, for generate, evaluate, export and"
          + " train --init-from.",
      "hf: a folder with config.json and model.safetensors or its shards, names as Transformers or"
          + " nanoGPT have them. openai: a folder with hparams.json and a TensorFlow checkpoint."
          + " llmc: a .bin checkpoint of llm.c."
    },
    footer = {
      "",
      "Examples",
      "  gpt import hf gpt2/ --out models/gpt2",
      "  gpt import openai 124M/ --out models/gpt2",
      "  gpt import llmc gpt2_124M.bin --out models/gpt2"
    })
public final class ImportCommand implements Callable<Integer> {
  private final CliContext context;

  /** What is read. */
  enum Format {
    hf,
    openai,
    llmc
  }

  @Parameters(index = "0", paramLabel = "hf|openai|llmc", description = "Format of the model.")
  private Format format;

  @Parameters(index = "1", paramLabel = "PATH", description = "The model's folder or file.")
  private Path path;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder for the checkpoint; must not exist.")
  private Path out;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  /** The command. */
  public ImportCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    if (!Files.exists(path)) {
      throw new GptException(Failure.CHECKPOINT, path + " does not exist; check the path");
    }
    GptConfig config =
        NewOutput.create(
            out,
            temporary -> {
              try (ModelWeights weights = open()) {
                weights.notes().forEach(note -> context.err().println("Note: " + note));
                ModelFolderWriter.writeCheckpoint(temporary, weights);
                return weights.config();
              }
            });
    if (!ModelFolderWriter.hasTokenizer(config)) {
      context
          .err()
          .printf(
              "Note: the vocabulary of %d lacks tokens of GPT-2's: no tokenizer is written%n",
              config.vocabularySize());
    }
    report(config);
    return 0;
  }

  private ModelWeights open() {
    return switch (format) {
      case hf -> ModelFolder.open(path);
      case openai -> OpenAiCheckpoint.open(path);
      case llmc -> LlmcCheckpoint.open(path);
    };
  }

  private void report(GptConfig config) {
    if (json) {
      ObjectNode node = JsonNodeFactory.instance.objectNode();
      node.put("format", format.name()).put("path", path.toString()).put("out", out.toString());
      node.put("parameters", config.parameterCount());
      node.put("layers", config.layers()).put("heads", config.heads());
      node.put("width", config.width()).put("context_length", config.contextLength());
      node.put("vocab_size", config.vocabularySize());
      node.put("tie_embeddings", config.tieEmbeddings());
      context.out().println(node.put("qkv_bias", config.qkvBias()));
      return;
    }
    context
        .out()
        .println(
            String.format(
                Locale.ROOT,
                "%s: %,d parameters (%d layers, %d heads, width %d, context %d, vocabulary %d)",
                out,
                config.parameterCount(),
                config.layers(),
                config.heads(),
                config.width(),
                config.contextLength(),
                config.vocabularySize()));
    context
        .err()
        .println(
            "Try it with: "
                + ShellWords.join(
                    context.program(), "generate", out.toString(), "--prompt", "Hello"));
  }
}
