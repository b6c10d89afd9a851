package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.model.Models;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.core.tokenizer.Utf8Reader;
import io.gptjava.train.generate.Generator;
import io.gptjava.train.generate.Sampling;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.GptModel;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
      paramLabel = "TEXT",
      description = "Text to continue; may be given several times.")
  private List<String> prompts = new ArrayList<>();

  @Option(
      names = "--prompts-file",
      paramLabel = "FILE",
      description = "A prompt on each line that is not empty.")
  private Path promptsFile;

  @Option(names = "--interactive", description = "Continue the lines of standard input.")
  private boolean interactive;

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
      names = "--repetition-penalty",
      paramLabel = "X",
      description =
          "Above 1: tokens that the text has become less likely. Default: ${DEFAULT-VALUE}.")
  private double repetitionPenalty = 1;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End before this text; may be given several times.")
  private List<String> stops = new ArrayList<>();

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Seed of the draws, the same for every prompt. Default: ${DEFAULT-VALUE}.")
  private long seed = 123;

  @Option(
      names = "--logprobs",
      description = "Also give each new token's log-probability, in nats.")
  private boolean logProbabilities;

  @Option(names = "--json", description = "Print one JSON object a prompt instead of text.")
  private boolean json;

  @Mixin private DeviceOptions device;

  /** The command. */
  public GenerateCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws IOException {
    Continuation.Settings settings =
        new Continuation.Settings(
            maxNewTokens,
            new Sampling(temperature, topK, topP, seed, repetitionPenalty),
            stops,
            logProbabilities);
    if (maxNewTokens < 0) {
      throw Usage.error("--max-new-tokens %d must be at least 0", maxNewTokens);
    }
    if (stops.contains("")) {
      throw Usage.error("--stop '' would end everything; give a text, or leave it out");
    }
    List<String> all = prompts();
    TextEncoder encoder = new Gpt2Tokenizer();
    try (Backend backend = device.open(context)) {
      GptModel model = Models.load(backend, path, 1, 1);
      try (Decoder decoder = new Decoder(backend, model.config(), model.weights())) {
        Generator generator = new Generator(decoder);
        for (int i = 0; i < all.size(); i++) {
          if (i > 0 && !json) {
            context.out().println();
          }
          answer(generator, encoder, settings, all.get(i));
        }
        if (interactive) {
          BufferedReader in =
              new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
          new InteractiveSession(
                  in, context.err(), prompt -> answer(generator, encoder, settings, prompt).text())
              .run();
        }
      }
    }
    return 0;
  }

  private List<String> prompts() throws IOException {
    List<String> all = new ArrayList<>(prompts);
    if (promptsFile != null) {
      try (BufferedReader lines = new BufferedReader(Utf8Reader.open(promptsFile))) {
        lines.lines().filter(line -> !line.isBlank()).forEach(all::add);
      } catch (NoSuchFileException e) {
        throw new GptException(
            Failure.DATA, "--prompts-file %s does not exist".formatted(promptsFile), e);
      }
    }
    if (all.isEmpty() && !interactive) {
      throw Usage.error("no prompt; give --prompt TEXT, --prompts-file FILE or --interactive");
    }
    return all;
  }

  private Continuation answer(
      Generator generator, TextEncoder encoder, Continuation.Settings settings, String prompt) {
    PrintStream out = context.out();
    if (json) {
      Continuation made = Continuation.of(generator, encoder, settings, prompt, text -> {});
      out.println(made.json());
      return made;
    }
    out.print(prompt);
    out.flush();
    Continuation made =
        Continuation.of(
            generator,
            encoder,
            settings,
            prompt,
            text -> {
              out.print(text);
              out.flush();
            });
    out.println();
    PrintStream err = context.err();
    made.logProbabilityLines(encoder).forEach(err::println);
    err.println(
        String.format(
            Locale.ROOT, "%d tokens, %.1f tokens/s", made.added(), made.tokensPerSecond()));
    return made;
  }
}
