package io.gptjava.benchmarks;

import io.gptjava.core.DType;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Tensor;

/**
 * What a call of an op was: its row in the table of a profile, and its cost.
 *
 * @param family group of ops
 * @param name op and shape
 * @param cost of one call
 */
record OpCall(String family, String name, OpCost cost) {

  /** Reads shapes from the arguments of a method of {@link io.gptjava.core.Ops}. */
  static OpCall of(String op, Object[] a) {
    return switch (op) {
      case "linear", "linearGelu" -> {
        Tensor weight = tensor(a, 1);
        yield matmul(op, tensor(a, 0), weight, op.equals("linearGelu") && a[3] != null);
      }
      case "linearBackwardInput" -> matmul(op, tensor(a, 0), tensor(a, 1), a[2] != null);
      case "linearBackwardWeight" -> matmul(op, tensor(a, 0), tensor(a, 2), false);
      case "headCrossEntropy" -> head(a);
      case "attention", "attentionBackward" -> attention(op, a);
      case "layerNorm", "residualLayerNorm", "residualLayerNormBackward" ->
          new OpCall("normalisation", op, normalisation(op, a));
      case "embedding" -> {
        Tensor wte = tensor(a, 1);
        yield new OpCall(
            "embedding", op, OpCost.embedding(wte.dtype(), tensor(a, 0).count(), wte.size(-1)));
      }
      case "embeddingBackward" -> {
        Tensor dWte = tensor(a, 3);
        long rows = dWte.rows() + tensor(a, 5).rows();
        DType type = tensor(a, 1).dtype();
        yield new OpCall(
            "embedding",
            op,
            OpCost.embeddingBackward(type, tensor(a, 0).count(), dWte.size(-1), rows));
      }
      case "globalGradientNorm" -> new OpCall("optimizer", op, OpCost.gradientNorm(parameters(a)));
      case "adamW" -> new OpCall("optimizer", op, adamW(a));
      default -> new OpCall("other", op, OpCost.ZERO);
    };
  }

  private static Tensor tensor(Object[] arguments, int at) {
    return (Tensor) arguments[at];
  }

  private static long parameters(Object[] arguments) {
    return ((OptimizerState) arguments[0])
        .ranges().stream().mapToLong(OptimizerState.ParameterRange::count).sum();
  }

  private static OpCost adamW(Object[] arguments) {
    Tensor copy = ((OptimizerState) arguments[0]).computeOrNull();
    return OpCost.adamW(parameters(arguments), copy == null ? DType.F32 : copy.dtype());
  }

  private static OpCall matmul(String op, Tensor rows, Tensor weight, boolean gelu) {
    DType type = rows.dtype();
    long n = rows.rows();
    long k = weight.size(0);
    long m = weight.size(1);
    // Backward, GELU's input has the shape of the layer's input.
    OpCost cost =
        op.equals("linearBackwardWeight")
            ? OpCost.weightGradient(type, n, k, m)
            : !gelu
                ? OpCost.matmul(type, n, k, m)
                : op.equals("linearGelu")
                    ? OpCost.matmulGelu(type, n, k, m)
                    : OpCost.matmulGelu(type, n, m, k);
    return new OpCall(
        "linear",
        "%s%s %dx%d".formatted(op, gelu && !op.equals("linearGelu") ? " gelu" : "", k, m),
        cost);
  }

  private static OpCall head(Object[] a) {
    Tensor x = tensor(a, 0);
    int vocabulary = (int) a[3];
    OpCost cost =
        a[5] == null
            ? OpCost.headLoss(x.dtype(), x.rows(), x.size(-1), vocabulary)
            : OpCost.headCrossEntropy(x.dtype(), x.rows(), x.size(-1), vocabulary);
    return new OpCall("head", "headCrossEntropy %dx%d".formatted(x.size(-1), vocabulary), cost);
  }

  private static OpCall attention(String op, Object[] a) {
    boolean backward = op.equals("attentionBackward");
    Tensor qkv = tensor(a, backward ? 1 : 0);
    int heads = (int) a[backward ? 5 : 2];
    long b = qkv.size(0);
    long t = qkv.size(1);
    long c = qkv.size(2) / 3;
    OpCost cost =
        backward
            ? OpCost.attentionBackward(qkv.dtype(), b, t, heads, c)
            : OpCost.attention(qkv.dtype(), b, t, heads, c);
    return new OpCall("attention", op, cost);
  }

  private static OpCost normalisation(String op, Object[] a) {
    DType type = tensor(a, 0).dtype();
    long n = tensor(a, 0).rows();
    long c = tensor(a, 0).size(-1);
    return switch (op) {
      case "layerNorm" -> OpCost.layerNorm(type, n, c);
      case "residualLayerNorm" -> OpCost.residualLayerNorm(type, n, c);
      default ->
          OpCost.layerNormBackward(type, n, c, 3 + (a[5] != null ? 1 : 0) + (a[9] != null ? 1 : 0));
    };
  }
}
