package io.gptjava.cli;

/** Entry of the program. */
public final class Main {
  private Main() {}

  /** Runs a command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    StandardError.restore();
    System.exit(GptCommandLine.run(CliContext.ofProcess(), arguments));
  }
}
