package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.core.Backend;
import picocli.CommandLine.Option;

/** The flags that choose what computes. */
final class DeviceOptions {
  @Option(
      names = "--backend",
      paramLabel = "auto|cuda|cpu|reference",
      description = "What runs it. Default: auto.")
  private String backend = "auto";

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of the CPU backend. Default: one per processor.")
  private int threads;

  /** Opens the backend. */
  Backend open(CliContext context) {
    return BackendChoice.of(backend, Math.max(0, threads), context.environment()).open();
  }
}
