package io.gptjava.cli.command;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.util.Locale;

/** Usage errors. */
final class Usage {
  private Usage() {}

  /** An error of what the user typed. */
  static GptException error(String format, Object... values) {
    return new GptException(Failure.USAGE, String.format(Locale.ROOT, format, values));
  }
}
