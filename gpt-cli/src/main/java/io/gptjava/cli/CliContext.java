package io.gptjava.cli;

import java.io.PrintStream;
import java.util.Map;

/**
 * What the command line takes from the process around it, so that tests can give their own.
 *
 * @param environment variables
 * @param out standard output
 * @param err standard error
 * @param terminal whether a person watches {@code out}
 * @param program how the user called it, for commands to go on with
 */
public record CliContext(
    Map<String, String> environment,
    PrintStream out,
    PrintStream err,
    boolean terminal,
    String program) {
  /** That of this process. */
  static CliContext ofProcess() {
    boolean terminal = System.console() != null && System.console().isTerminal();
    String program = System.getProperty("gpt.program", "gpt"); // the launcher knows
    return new CliContext(System.getenv(), System.out, System.err, terminal, program);
  }
}
