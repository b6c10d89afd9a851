package io.gptjava.cli.command;

import io.gptjava.train.corpus.Cleaning;
import java.text.Normalizer;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The flags that say how a text is cleaned before it is tokenised. */
final class CleaningOptions {
  @Option(
      names = "--normalize",
      paramLabel = "nfc|nfkc|none",
      description = "Unicode normalisation. Default: none.")
  private String normalize = "none";

  @Option(names = "--strip-urls", description = "Put a placeholder in place of each address.")
  private boolean stripUrls;

  @Option(
      names = "--url-placeholder",
      paramLabel = "TEXT",
      description = "That placeholder. Default: ${DEFAULT-VALUE}.")
  private String urlPlaceholder = "<url>";

  @Option(names = "--strip-emoji", description = "Drop emoji.")
  private boolean stripEmoji;

  @Option(
      names = "--strip-control",
      description =
          "Drop control and format characters, private ones, unassigned ones and U+FFFD; line"
              + " feeds and tabs stay.")
  private boolean stripControl;

  /** What they add up to. */
  Cleaning cleaning() {
    Optional<Normalizer.Form> form =
        switch (normalize.toLowerCase(Locale.ROOT)) {
          case "none" -> Optional.empty();
          case "nfc" -> Optional.of(Normalizer.Form.NFC);
          case "nfkc" -> Optional.of(Normalizer.Form.NFKC);
          default -> throw Usage.error("--normalize %s is not nfc, nfkc or none", normalize);
        };
    return new Cleaning(
        form, stripUrls ? Optional.of(urlPlaceholder) : Optional.empty(), stripEmoji, stripControl);
  }
}
