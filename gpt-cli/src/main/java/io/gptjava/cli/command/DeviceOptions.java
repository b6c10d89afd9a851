package io.gptjava.cli.command;

import io.gptjava.cli.config.Availability;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
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
  Backend open() {
    Availability.backend(backend);
    return Backends.open(backend, new BackendOptions(0, Math.max(0, threads)));
  }
}
