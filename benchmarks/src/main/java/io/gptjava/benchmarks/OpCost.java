package io.gptjava.benchmarks;

import io.gptjava.core.DType;

/**
 * What an op must do at least, for its place in the roofline (Williams et al., 2009).
 *
 * <p>FLOPs count the multiplications and additions of matrix products, two per multiply-add;
 * element-wise arithmetic is not counted. Bytes count each tensor once per read or write that the
 * op cannot avoid when it comes from memory: activations and weights in the type given, statistics,
 * gradients of weights and the optimizer's tensors in fp32. Letters as in {@link
 * io.gptjava.core.Ops}.
 *
 * @param flops floating-point operations of matrix products; 0 for ops bound by memory
 * @param bytes bytes read and written
 */
public record OpCost(double flops, double bytes) {
  /** Nothing to do. */
  static final OpCost ZERO = new OpCost(0, 0);

  private static final int FLOAT = Float.BYTES;

  /**
   * Shortest time on a machine with these ceilings, in seconds.
   *
   * @param flopsPerSecond multiply-add ceiling
   * @param bytesPerSecond memory ceiling
   */
  public double secondsAtLeast(double flopsPerSecond, double bytesPerSecond) {
    return Math.max(flops / flopsPerSecond, bytes / bytesPerSecond);
  }

  /** Both together. */
  public OpCost plus(OpCost other) {
    return new OpCost(flops + other.flops, bytes + other.bytes);
  }

  /**
   * An op without matrix products.
   *
   * @param typed elements of activations and weights moved
   * @param floats fp32 elements moved
   */
  private static OpCost memory(DType type, double typed, double floats) {
    return new OpCost(0, type.bytes() * typed + FLOAT * floats);
  }

  /**
   * One product of (N, K) and (K, M) matrices, or the transposed one of an input's gradient:
   * 2·N·K·M FLOPs; both factors read, the result written.
   */
  public static OpCost matmul(DType type, double n, double k, double m) {
    return new OpCost(2 * n * k * m, type.bytes() * (n * k + k * m + n * m));
  }

  /** {@link #matmul} whose result passes through GELU: one more (N, M) tensor written or read. */
  public static OpCost matmulGelu(DType type, double n, double k, double m) {
    OpCost product = matmul(type, n, k, m);
    return new OpCost(product.flops, product.bytes + type.bytes() * n * m);
  }

  /** Gradient of a (K, M) weight over N rows: the FLOPs of {@link #matmul}; the result is fp32. */
  public static OpCost weightGradient(DType type, double n, double k, double m) {
    return new OpCost(2 * n * k * m, type.bytes() * (n * k + n * m) + FLOAT * k * m);
  }

  /**
   * Causal attention, forward: two products, each 2·HS FLOPs for T²/2 pairs per head:
   * 2·2·B·NH·T²/2·HS = 2·B·T²·C. Reads QKV, writes the output and the log-sum-exp.
   */
  public static OpCost attention(DType type, double b, double t, double heads, double width) {
    return new OpCost(
        2 * b * t * t * width, type.bytes() * 4 * b * t * width + FLOAT * b * heads * t);
  }

  /**
   * Causal attention, backward: five products (scores again, dV, dP, dQ, dK) to forward's two, so
   * 2.5 times its FLOPs. Reads dOut, QKV, the output and the log-sum-exp, writes dQKV.
   */
  public static OpCost attentionBackward(
      DType type, double b, double t, double heads, double width) {
    return new OpCost(
        5 * b * t * t * width, type.bytes() * 8 * b * t * width + FLOAT * b * heads * t);
  }

  /** Layer normalisation: reads and writes (N, C), writes two statistics a row. */
  public static OpCost layerNorm(DType type, double n, double c) {
    return memory(type, 2 * n * c + 2 * c, 2 * n);
  }

  /** Residual sum and layer normalisation: two (N, C) tensors read, two written. */
  public static OpCost residualLayerNorm(DType type, double n, double c) {
    return memory(type, 4 * n * c + 2 * c, 2 * n);
  }

  /**
   * Backward of either.
   *
   * @param tensors (N, C) tensors read and written: dOut, x and dResidual, and where they exist
   *     dResidualOut and dBranch
   */
  public static OpCost layerNormBackward(DType type, double n, double c, int tensors) {
    return memory(type, tensors * n * c + c, 2 * n + 2 * c);
  }

  /**
   * Element-wise op.
   *
   * @param tensors tensors read and written
   */
  public static OpCost elementwise(DType type, double count, int tensors) {
    return memory(type, tensors * count, 0);
  }

  /**
   * Output head and cross-entropy with both gradients: three products, 3·2·N·C·V FLOPs. Reads x and
   * the weight for each product that takes them (twice), writes dX and dWeight; the logits are
   * written, read and rewritten by the softmax, and read by both gradients.
   */
  public static OpCost headCrossEntropy(DType type, double n, double c, double v) {
    return new OpCost(
        6 * n * c * v, type.bytes() * (3 * n * c + 2 * v * c + 5 * n * v) + FLOAT * v * c);
  }

  /** Output head and cross-entropy, loss only: 2·N·C·V FLOPs; the logits are written and read. */
  public static OpCost headLoss(DType type, double n, double c, double v) {
    return new OpCost(2 * n * c * v, type.bytes() * (n * c + v * c + 2 * n * v));
  }

  /** Embedding: a row of each table read and their sum written per token. */
  public static OpCost embedding(DType type, double n, double c) {
    return memory(type, 3 * n * c, 0);
  }

  /**
   * Embedding backward: dOut read, both tables' gradients written whole.
   *
   * @param rows of both tables together
   */
  public static OpCost embeddingBackward(DType type, double n, double c, double rows) {
    return memory(type, n * c, rows * c);
  }

  /** Global gradient norm: every gradient read. */
  public static OpCost gradientNorm(double parameters) {
    return memory(DType.F32, 0, parameters);
  }

  /** AdamW: weight, gradient and both moments read, all but the gradient written. */
  public static OpCost adamW(double parameters) {
    return memory(DType.F32, 0, 7 * parameters);
  }

  /** {@link #adamW(double)} that also writes the weights as the model computes with them. */
  public static OpCost adamW(double parameters, DType compute) {
    return compute == DType.F32 ? adamW(parameters) : memory(compute, parameters, 7 * parameters);
  }
}
