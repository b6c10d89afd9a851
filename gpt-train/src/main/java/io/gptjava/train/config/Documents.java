package io.gptjava.train.config;

/** What the marker {@code <|endoftext|>} between documents means to training. */
public enum Documents {
  /** A token like others: windows run across it and attention sees beyond it. */
  JOINED,
  /** Windows run across it, attention does not see what lies before it. */
  APART,
  /** Each document is a sample of its own, cut off or padded to the sequence length. */
  PADDED
}
