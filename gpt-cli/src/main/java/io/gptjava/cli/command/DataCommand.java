package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.corpus.KnownText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Fetches known texts. */
@Command(name = "data", description = "Texts to train on.")
public final class DataCommand implements Runnable {
  @Spec private CommandSpec spec;

  private DataCommand() {}

  /** The command with its subcommand. */
  public static CommandLine create(CliContext context) {
    return new CommandLine(new DataCommand()).addSubcommand(new Fetch(context));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command: fetch");
  }

  /** Fetches one. */
  @Command(
      name = "fetch",
      description = {
        "Fetches a public text, checks its SHA-256 and names its file. A fetch that broke off goes on"
            + " when it is repeated.",
        "Names: the-verdict, tinyshakespeare"
      },
      footer = {"", "Example", "  gpt data fetch the-verdict"})
  static final class Fetch implements Callable<Integer> {
    private final CliContext context;

    @Parameters(paramLabel = "NAME", description = "Which text.")
    private String name;

    @Option(
        names = "--out",
        paramLabel = "FILE",
        description = "Where it goes. Default: NAME.txt in this folder.")
    private Path out;

    Fetch(CliContext context) {
      this.context = context;
    }

    @Override
    public Integer call() throws IOException {
      KnownText text =
          KnownText.named(name)
              .orElseThrow(
                  () ->
                      Usage.error(
                          "%s is not known; there are: %s",
                          name,
                          Arrays.stream(KnownText.values())
                              .map(KnownText::id)
                              .collect(Collectors.joining(", "))));
      Path file = out == null ? Path.of(text.id() + ".txt") : out;
      if (Files.exists(file)) {
        if (!text.download().matches(file)) {
          throw new GptException(
              Failure.DATA,
              "%s exists and is not %s (%s); move it away or give another --out"
                  .formatted(file, text.id(), text.description()));
        }
        context.err().println("There already: " + text.description());
      } else {
        text.download().to(file);
        context.err().println("Fetched: " + text.description());
      }
      context.out().println(file);
      return 0;
    }
  }
}
