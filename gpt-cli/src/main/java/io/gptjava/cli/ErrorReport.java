package io.gptjava.cli;

import io.gptjava.cli.config.Suggestions;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns whatever goes wrong into one to three lines and an exit code. */
final class ErrorReport implements IParameterExceptionHandler, IExecutionExceptionHandler {
  private static final int INTERNAL = 1;

  private final BooleanSupplier debug;

  ErrorReport(BooleanSupplier debug) {
    this.debug = debug;
  }

  @Override
  public int handleParseException(ParameterException e, String[] arguments) {
    CommandLine line = e.getCommandLine();
    String command = line.getCommandSpec().qualifiedName();
    String message = e.getCause() instanceof GptException cause ? cause.getMessage() : explain(e);
    print(line.getErr(), message, "See: " + command + " --help");
    trace(line.getErr(), e, debug.getAsBoolean() || List.of(arguments).contains("--debug"));
    return Failure.USAGE.exitCode();
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine line, ParseResult parsed) {
    return report(e, line.getErr());
  }

  /** Prints an error and returns its exit code. */
  int report(Throwable e, PrintWriter err) {
    int code;
    switch (e) {
      case GptException known -> {
        print(err, known.getMessage());
        code = known.failure().exitCode();
      }
      case OutOfMemoryError memory -> {
        print(
            err,
            "Not enough memory: %s".formatted(memory.getMessage()),
            "Lower --batch-size, --context-length or the model; gpt train --dry-run shows what it"
                + " needs.");
        code = Failure.CAPACITY.exitCode();
      }
      default -> {
        print(err, "Internal error: " + e, "Please report it with the output of --debug.");
        code = INTERNAL;
      }
    }
    trace(err, e, debug.getAsBoolean());
    return code;
  }

  private static void print(PrintWriter err, String... lines) {
    for (String line : lines) {
      err.println(line);
    }
    err.flush();
  }

  private static void trace(PrintWriter err, Throwable e, boolean wanted) {
    if (wanted) {
      e.printStackTrace(err);
      err.flush();
    }
  }

  private static String explain(ParameterException e) {
    if (!(e instanceof UnmatchedArgumentException unmatched)) {
      return e.getMessage();
    }
    CommandLine line = e.getCommandLine();
    String word = unmatched.getUnmatched().getFirst();
    boolean option = word.startsWith("-");
    List<String> known = new ArrayList<>();
    if (option) {
      line.getCommandSpec().options().forEach(spec -> known.addAll(List.of(spec.names())));
      line.getCommandSpec().negatedOptionsMap().keySet().forEach(known::add);
    } else {
      known.addAll(line.getSubcommands().keySet());
    }
    String name = option && word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
    String hint = Suggestions.nearest(name, known).map("; did you mean %s?"::formatted).orElse("");
    String what =
        option ? "Unknown option" : known.isEmpty() ? "Unexpected argument" : "Unknown command";
    return "%s %s%s".formatted(what, name, hint);
  }
}
