package io.gptjava.train.config;

/**
 * Which activations the backward pass computes again instead of finding them in memory (Chen et
 * al., 2016, "Training Deep Nets with Sublinear Memory Cost"). Losses and gradients are the same
 * bits in each mode.
 */
public enum Recompute {
  /** Every block keeps all of its activations. */
  NONE,
  /** Blocks keep the input of their GELU, not its output. */
  GELU,
  /** Blocks keep their input alone; backward begins each block with its forward pass. */
  BLOCK
}
