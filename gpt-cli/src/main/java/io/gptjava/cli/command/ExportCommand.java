package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.model.LogitCheck;
import io.gptjava.cli.model.LogitCheck.Difference;
import io.gptjava.cli.model.Models;
import io.gptjava.core.GptConfig;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.formats.LlmcCheckpoint;
import io.gptjava.train.formats.LlmcWriter;
import io.gptjava.train.formats.ModelWeights;
import io.gptjava.train.run.ModelFolder;
import io.gptjava.train.run.ModelFolderWriter;
import io.gptjava.train.run.NewOutput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a model for other programs. */
@Command(
    name = "export",
    description = {
      "Writes the model of a run (its newest checkpoint), a checkpoint or a Hugging Face folder for"
          + " other programs, opens what it wrote and compares the logits of both on a fixed prompt.",
      "hf: a folder that AutoModelForCausalLM and AutoTokenizer open. llmc: a .bin checkpoint that"
          + " llm.c opens."
    },
    footer = {
      "",
      "Examples",
      "  gpt export runs/2026-01-31-story hf --out story-hf",
      "  gpt export models/gpt2 llmc --dtype bf16 --out gpt2_124M_bf16.bin"
    })
public final class ExportCommand implements Callable<Integer> {
  private final CliContext context;

  /** What is written. */
  enum Format {
    hf,
    llmc
  }

  /** How weights are stored. */
  enum Stored {
    fp32(StoredType.F32),
    fp16(StoredType.F16),
    bf16(StoredType.BF16);

    private final StoredType type;

    Stored(StoredType type) {
      this.type = type;
    }
  }

  @Parameters(index = "0", paramLabel = "PATH", description = "Run, checkpoint or folder.")
  private Path path;

  @Parameters(index = "1", paramLabel = "hf|llmc", description = "Format to write.")
  private Format format;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "PATH",
      description = "Folder (hf) or file (llmc) to write; must not exist.")
  private Path out;

  @Option(
      names = "--dtype",
      paramLabel = "fp32|fp16|bf16",
      description = "How weights are stored; llmc has no fp16. Default: ${DEFAULT-VALUE}.")
  private Stored dtype = Stored.fp32;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  @Mixin private DeviceOptions device;

  /** The command. */
  public ExportCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    if (format == Format.llmc && dtype == Stored.fp16) {
      throw Usage.error("--dtype fp16: llm.c stores fp32 or bf16; use one of these");
    }
    try (ModelFolder weights = Models.open(path)) {
      if (format == Format.llmc) {
        LlmcWriter.check(weights.config());
      }
      Difference difference =
          NewOutput.create(
              out,
              temporary -> {
                write(temporary, weights);
                return compare(temporary, weights);
              });
      report(weights.config(), difference);
    }
    return 0;
  }

  private void write(Path temporary, ModelWeights weights) throws IOException {
    switch (format) {
      case hf -> ModelFolderWriter.writeHuggingFace(temporary, weights, dtype.type);
      case llmc -> LlmcWriter.write(temporary, weights, dtype.type);
    }
  }

  private Difference compare(Path written, ModelWeights weights) {
    try (ModelWeights reopened =
        format == Format.hf ? ModelFolder.open(written) : LlmcCheckpoint.open(written)) {
      Difference difference = LogitCheck.compare(() -> device.open(context), weights, reopened);
      if (dtype == Stored.fp32 && difference.largest() != 0) {
        throw new IllegalStateException(
            "what was written computes other logits, by " + difference.largest());
      }
      return difference;
    }
  }

  private void report(GptConfig config, Difference difference) {
    if (!ModelFolderWriter.hasTokenizer(config) && format == Format.hf) {
      context
          .err()
          .printf(
              "Note: the vocabulary of %d lacks tokens of GPT-2's: no tokenizer is written%n",
              config.vocabularySize());
    }
    if (json) {
      ObjectNode node = JsonNodeFactory.instance.objectNode();
      node.put("format", format.name()).put("path", path.toString()).put("out", out.toString());
      node.put("dtype", dtype.name()).put("parameters", config.parameterCount());
      if (Double.isFinite(difference.largest())) {
        node.put("max_logit_difference", difference.largest());
      } else {
        node.putNull("max_logit_difference");
      }
      context.out().println(node.put("compared_tokens", difference.tokens()));
      return;
    }
    context
        .out()
        .println(
            String.format(
                Locale.ROOT,
                "%s: %,d parameters as %s; reopened, largest logit difference %.3g over %d tokens",
                out,
                config.parameterCount(),
                dtype,
                difference.largest(),
                difference.tokens()));
  }
}
