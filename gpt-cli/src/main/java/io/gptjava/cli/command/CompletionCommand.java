package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Prints a completion script. */
@Command(
    name = "completion",
    aliases = "generate-completion",
    description = "Prints a completion script for bash and zsh.",
    footer = {"", "Use it with:  source <(gpt completion)"})
public final class CompletionCommand implements Callable<Integer> {
  private final CliContext context;

  @Spec private CommandSpec spec;

  /** The command. */
  public CompletionCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    context.out().print(AutoComplete.bash("gpt", spec.root().commandLine()));
    context.out().flush();
    return 0;
  }
}
