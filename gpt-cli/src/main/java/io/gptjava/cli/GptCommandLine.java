package io.gptjava.cli;

import io.gptjava.cli.command.BenchCommand;
import io.gptjava.cli.command.CompareCommand;
import io.gptjava.cli.command.CompletionCommand;
import io.gptjava.cli.command.DataCommand;
import io.gptjava.cli.command.DoctorCommand;
import io.gptjava.cli.command.EvaluateCommand;
import io.gptjava.cli.command.ExportCommand;
import io.gptjava.cli.command.GenerateCommand;
import io.gptjava.cli.command.ImportCommand;
import io.gptjava.cli.command.InspectCommand;
import io.gptjava.cli.command.PlotCommand;
import io.gptjava.cli.command.ResumeCommand;
import io.gptjava.cli.command.TokenizeCommand;
import io.gptjava.cli.command.TrainCommand;
import io.gptjava.cli.command.VerifyResumeCommand;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
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
    versionProvider = GptVersion.class,
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

  /** All commands, to look at and not to run. */
  static CommandLine commands(CliContext context) {
    GptCommandLine root = new GptCommandLine();
    return create(root, new ErrorReport(() -> root.debug), context);
  }

  private static CommandLine create(GptCommandLine root, ErrorReport errors, CliContext context) {
    CommandLine line = new CommandLine(root);
    line.addSubcommand("train", TrainCommand.create(context));
    line.addSubcommand(new ResumeCommand(context));
    line.addSubcommand(new GenerateCommand(context));
    line.addSubcommand(new EvaluateCommand(context));
    line.addSubcommand(new TokenizeCommand(context));
    line.addSubcommand("data", DataCommand.create(context));
    line.addSubcommand(new PlotCommand(context));
    line.addSubcommand(new CompareCommand(context));
    line.addSubcommand(new ImportCommand(context));
    line.addSubcommand(new ExportCommand(context));
    line.addSubcommand(new InspectCommand(context));
    line.addSubcommand(new DoctorCommand(context));
    line.addSubcommand("verify-resume", VerifyResumeCommand.create(context));
    line.addSubcommand("bench", BenchCommand.create(context));
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
}
