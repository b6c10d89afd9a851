package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.model.Models;
import io.gptjava.core.Backend;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.StreamingDecoder;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.generate.Generator;
import io.gptjava.train.generate.Sampling;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.GptModel;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Continues a text. */
@Command(
    name = "generate",
    description = {
      "Continues a text with the model of a run (its newest checkpoint), a checkpoint, or a Hugging"
          + " Face GPT-2 folder.",
      "Prompt and continuation go to standard output as they are made, all else to standard error."
    },
    footer = {
      "",
      "Examples",
      "  gpt generate runs/2026-01-31-story --prompt \"The lighthouse\"",
      "  gpt generate gpt2/ --prompt \"Once upon a time\" --temperature 0"
    })
public final class GenerateCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(paramLabel = "PATH", description = "Run, checkpoint or Hugging Face folder.")
  private Path path;

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "TEXT",
      description = "Text to continue.")
  private String prompt;

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      description = "Most tokens to add. Default: ${DEFAULT-VALUE}.")
  private int maxNewTokens = 100;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0: always the likeliest token; higher: bolder. Default: ${DEFAULT-VALUE}.")
  private double temperature = 0.8;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Draw from the K likeliest tokens. 0: all. Default: ${DEFAULT-VALUE}.")
  private int topK = 50;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Draw from the likeliest tokens that reach P. Default: ${DEFAULT-VALUE}.")
  private double topP = 1;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Seed of the draws. Default: ${DEFAULT-VALUE}.")
  private long seed = 123;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  @Mixin private DeviceOptions device;

  /** The command. */
  public GenerateCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    Sampling sampling = new Sampling(temperature, topK, topP, seed);
    if (maxNewTokens < 0) {
      throw Usage.error("--max-new-tokens %d must be at least 0", maxNewTokens);
    }
    TextEncoder encoder = new Gpt2Tokenizer();
    int[] tokens = encoder.encode(prompt);
    try (Backend backend = device.open(context)) {
      GptModel model = Models.load(backend, path, 1, 1);
      try (Decoder decoder = new Decoder(backend, model.config(), model.weights())) {
        generate(new Generator(decoder), encoder, tokens, sampling);
      }
    }
    return 0;
  }

  private void generate(Generator generator, TextEncoder encoder, int[] tokens, Sampling sampling) {
    PrintStream out = context.out();
    StreamingDecoder text = new StreamingDecoder(encoder);
    if (!json) {
      out.print(prompt);
      out.flush();
    }
    long begin = System.nanoTime();
    int[] all =
        generator.generate(
            tokens,
            maxNewTokens,
            sampling,
            token -> {
              if (token == encoder.endOfText()) {
                return false;
              }
              if (!json) {
                out.print(text.accept(token));
                out.flush();
              }
              return true;
            });
    double seconds = (System.nanoTime() - begin) * 1e-9;
    int added = all.length - tokens.length;
    if (json) {
      out.println(describe(encoder, all, added, seconds));
    } else {
      out.println(text.finish());
      context
          .err()
          .println(
              String.format(
                  Locale.ROOT, "%d tokens, %.1f tokens/s", added, added / Math.max(seconds, 1e-9)));
    }
  }

  private ObjectNode describe(TextEncoder encoder, int[] all, int added, double seconds) {
    boolean ended = added > 0 && all[all.length - 1] == encoder.endOfText();
    int[] kept = ended ? Arrays.copyOf(all, all.length - 1) : all;
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("prompt", prompt);
    node.put("text", encoder.decode(kept));
    Arrays.stream(all).forEach(node.putArray("tokens")::add);
    node.put("new_tokens", added);
    node.put("ended", ended);
    return node.put("tokens_per_second", added / Math.max(seconds, 1e-9));
  }
}
