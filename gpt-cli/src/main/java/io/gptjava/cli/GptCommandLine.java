package io.gptjava.cli;

import io.gptjava.cli.command.CompletionCommand;
import io.gptjava.cli.command.DoctorCommand;
import io.gptjava.cli.command.TrainCommand;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The {@code gpt} command and everything below it. */
@Command(
    name = "gpt",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = GptCommandLine.Version.class,
    sortOptions = false,
    usageHelpAutoWidth = true,
    description = "Trains, resumes, samples and evaluates GPT-2 family models.",
    footer = {
      "",
      "Start with:  gpt train        (a small model on a bundled story, about a minute)",
      "Each command explains itself with --help."
    })
public final class GptCommandLine implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Add the stack trace to an error.")
  private boolean debug;

  private GptCommandLine() {}

  /** Runs a command and returns its exit code. */
  public static int run(CliContext context, String... arguments) {
    GptCommandLine root = new GptCommandLine();
    ErrorReport errors = new ErrorReport(() -> root.debug);
    CommandLine line = create(root, errors, context);
    try {
      return line.execute(arguments);
    } catch (Throwable e) { // picocli lets errors such as OutOfMemoryError through
      return errors.report(e, line.getErr());
    } finally {
      context.out().flush();
      context.err().flush();
    }
  }

  private static CommandLine create(GptCommandLine root, ErrorReport errors, CliContext context) {
    CommandLine line = new CommandLine(root);
    line.addSubcommand("train", TrainCommand.create(context));
    line.addSubcommand(new DoctorCommand(context));
    line.addSubcommand(new CompletionCommand(context));
    line.setParameterExceptionHandler(errors)
        .setExecutionExceptionHandler(errors)
        .setOut(new PrintWriter(context.out(), true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(context.err(), true, StandardCharsets.UTF_8));
    return line;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command");
  }

  /** Prints the version of the jar. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"gpt-java " + number(), "Java " + Runtime.version()};
    }

    /** The version, {@code development} outside a jar. */
    static String number() {
      String version = GptCommandLine.class.getPackage().getImplementationVersion();
      return version == null ? "development" : version;
    }
  }
}
