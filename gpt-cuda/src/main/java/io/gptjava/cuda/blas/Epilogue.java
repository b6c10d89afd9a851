package io.gptjava.cuda.blas;

/**
 * What happens to a {@link Matmul}'s product before it is stored. Bias and bias gradient have one
 * element per column; the auxiliary matrix has the shape of the product and no gaps.
 */
public enum Epilogue {
  /** Nothing. */
  NONE(false, false),
  /** Adds the bias to each row. */
  BIAS(true, false),
  /** GELU, tanh form. */
  GELU(false, false),
  /** Adds the bias, then GELU. */
  GELU_BIAS(true, false),
  /** GELU; its input is stored in the auxiliary matrix. */
  GELU_AUX(false, true),
  /** Adds the bias, then GELU; its input is stored in the auxiliary matrix. */
  GELU_AUX_BIAS(true, true),
  /** Multiplies by GELU's derivative at the auxiliary matrix. */
  DGELU(false, true),
  /**
   * Stores the sums of the columns of B, or adds them to what is there, into the bias as well: for
   * a weight gradient {@code xᵀ · dOut} that is the bias gradient.
   */
  BIAS_GRADIENT(true, false);

  private final boolean bias;
  private final boolean auxiliary;

  Epilogue(boolean bias, boolean auxiliary) {
    this.bias = bias;
    this.auxiliary = auxiliary;
  }

  /** Whether a bias or bias gradient takes part. */
  public boolean hasBias() {
    return bias;
  }

  /** Whether an auxiliary matrix takes part. */
  public boolean hasAuxiliary() {
    return auxiliary;
  }

  /** GELU with or without bias, keeping its input or not. */
  public static Epilogue gelu(boolean bias, boolean auxiliary) {
    if (auxiliary) {
      return bias ? GELU_AUX_BIAS : GELU_AUX;
    }
    return bias ? GELU_BIAS : GELU;
  }
}
