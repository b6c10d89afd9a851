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
  }

  private static void refuse(
      ResolvedSettings settings, String key, String supported, Failure failure, String reason) {
    if (!settings.text(key).equals(supported)) {
      throw new GptException(
          failure, "%s %s: %s".formatted(settings.spelled(key), settings.text(key), reason));
    }
  }
}
