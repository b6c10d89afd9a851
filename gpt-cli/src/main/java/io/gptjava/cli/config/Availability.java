package io.gptjava.cli.config;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;

/** Refuses settings that this build cannot honour, rather than ignore them. */
public final class Availability {
  private Availability() {}

  /**
   * Checks the settings of a training run that no backend or device decides.
   *
   * @throws GptException with {@link Failure#USAGE}
   */
  public static void check(ResolvedSettings settings) {
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
    for (String log : settings.text("log").split(",")) {
      if (log.equals("tensorboard")) {
        throw new GptException(
            Failure.USAGE,
            "%s %s is not part of this build; use --log jsonl,csv"
                .formatted(settings.spelled("log"), log));
      }
    }
  }

  private static void refuse(
      ResolvedSettings settings, String key, String supported, Failure failure, String reason) {
    if (!settings.text(key).equals(supported)) {
      throw new GptException(
          failure, "%s %s: %s".formatted(settings.spelled(key), settings.text(key), reason));
    }
  }
}
