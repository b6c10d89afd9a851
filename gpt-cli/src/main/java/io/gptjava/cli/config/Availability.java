package io.gptjava.cli.config;

import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.util.Optional;

/** Refuses settings that this build or the chosen device cannot honour, rather than ignore them. */
public final class Availability {
  private Availability() {}

  /**
   * Checks all settings of a training run.
   *
   * @throws GptException with {@link Failure#DEVICE} or {@link Failure#USAGE}
   */
  public static void check(ResolvedSettings settings) {
    backend(settings.text("backend"));
    refuse(
        settings,
        "precision",
        "fp32",
        Failure.DEVICE,
        "no available backend computes in it; use --precision fp32");
    refuse(
        settings,
        "cpu-matmul",
        "vector",
        Failure.DEVICE,
        "oneDNN is not part of this build; use --cpu-matmul vector");
    refuse(
        settings,
        "recompute",
        "none",
        Failure.USAGE,
        "recomputation is not part of this build; to save memory lower --batch-size and raise"
            + " --accumulate");
    refuse(settings, "device", "0", Failure.DEVICE, "the CPU backend is one device; leave it out");
    refuse(
        settings,
        "sync-kernels",
        "false",
        Failure.DEVICE,
        "it is for the CUDA backend, which is not part of this build; leave it out");
    refuse(
        settings,
        "profile",
        "false",
        Failure.USAGE,
        "profiling is not part of this build; leave it out");
    refuse(
        settings,
        "watch",
        "0",
        Failure.USAGE,
        "the live page is not part of this build; look at the run's loss.svg or metrics.jsonl");
    if (settings.has("blas")) {
      throw new GptException(
          Failure.DEVICE,
          "%s %s is for the CUDA backend, which is not part of this build; leave it out"
              .formatted(settings.spelled("blas"), settings.text("blas")));
    }
    for (String log : settings.text("log").split(",")) {
      if (log.equals("tensorboard")) {
        throw new GptException(
            Failure.USAGE,
            "%s %s is not part of this build; use --log jsonl,csv"
                .formatted(settings.spelled("log"), log));
      }
    }
  }

  /** Checks that a backend exists and can run here. */
  public static void backend(String name) {
    if (name.equals("auto")) {
      return;
    }
    Optional<io.gptjava.core.BackendProvider> provider =
        Backends.providers().stream().filter(p -> p.name().equals(name)).findFirst();
    if (provider.isEmpty()) {
      throw new GptException(
          Failure.DEVICE,
          "--backend %s is not part of this build; use --backend auto or --backend cpu"
              .formatted(name));
    }
    provider
        .get()
        .reasonUnavailable()
        .ifPresent(
            reason -> {
              throw new GptException(
                  Failure.DEVICE, "--backend %s cannot run here: %s".formatted(name, reason));
            });
  }

  private static void refuse(
      ResolvedSettings settings, String key, String supported, Failure failure, String reason) {
    if (!settings.text(key).equals(supported)) {
      throw new GptException(
          failure, "%s %s: %s".formatted(settings.spelled(key), settings.text(key), reason));
    }
  }
}
