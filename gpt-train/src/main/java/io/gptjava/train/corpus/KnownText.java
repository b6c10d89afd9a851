package io.gptjava.train.corpus;

import java.net.URI;
import java.util.Arrays;
import java.util.Optional;

/** Public texts that people train small models on, pinned by size and SHA-256. */
public enum KnownText {
  /** Edith Wharton, "The Verdict" (1908). */
  THE_VERDICT(
      "the-verdict",
      "Edith Wharton, The Verdict (1908), public domain",
      "https://raw.githubusercontent.com/rasbt/LLMs-from-scratch/main/ch02/01_main-chapter-code/the-verdict.txt",
      20_479,
      "b41e41a68f0398a3154ae69e2e4c0e2694e17fe0d66730536837f1b01935b31f"),
  /** Parts of Shakespeare's plays. */
  TINY_SHAKESPEARE(
      "tinyshakespeare",
      "parts of Shakespeare's plays, public domain",
      "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
      1_115_394,
      "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed");

  private final String id;
  private final String description;
  private final Download download;

  KnownText(String id, String description, String url, long bytes, String sha256) {
    this.id = id;
    this.description = description;
    download = new Download(URI.create(url), bytes, sha256);
  }

  /** The name that people type. */
  public String id() {
    return id;
  }

  /** What it is. */
  public String description() {
    return description;
  }

  /** Where it comes from. */
  public Download download() {
    return download;
  }

  /** The text of a name. */
  public static Optional<KnownText> named(String id) {
    return Arrays.stream(values()).filter(text -> text.id.equals(id)).findFirst();
  }
}
