package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import java.util.ArrayList;
import java.util.List;

/** The four linear layers of a block with their three products each, as a step makes them. */
final class LinearKernels {
  private static final String FAMILY = "linear";

  private LinearKernels() {}

  /**
   * A layer.
   *
   * @param geluAfter whether its output passes through GELU
   * @param geluBefore whether its input came out of GELU
   */
  private record Layer(String name, long k, long m, boolean geluAfter, boolean geluBefore) {}

  private record Buffers(
      Tensor x, Tensor weight, Tensor preActivationOrNull, Tensor out, Tensor dWeight) {}

  static List<KernelCase> linear(Backend backend, CaseOperands operands, KernelShapes shapes) {
    long c = shapes.width();
    List<KernelCase> cases = new ArrayList<>();
    for (Layer layer :
        List.of(
            new Layer("qkv", c, 3 * c, false, false),
            new Layer("proj", c, c, false, false),
            new Layer("fc", c, 4 * c, true, false),
            new Layer("out", 4 * c, c, false, true))) {
      cases.addAll(layer(backend.ops(), operands, shapes, layer));
    }
    return cases;
  }

  private static List<KernelCase> layer(
      Ops ops, CaseOperands operands, KernelShapes shapes, Layer layer) {
    DType type = shapes.type();
    long n = shapes.rows();
    long k = layer.k;
    long m = layer.m;
    Tensor bias = operands.weights(type, m);
    Tensor dBias = operands.output(DType.F32, m);
    List<Buffers> sets =
        operands.sets(
            (double) type.bytes() * (n * k + k * m + n * m),
            () ->
                new Buffers(
                    operands.activations(type, n, k),
                    operands.weights(type, k, m),
                    layer.geluAfter
                        ? operands.output(type, n, m)
                        : layer.geluBefore ? operands.activations(type, n, k) : null,
                    operands.activations(type, n, m),
                    operands.output(DType.F32, k, m)));
    int calls = shapes.model().layers();
    String suffix = " %s %dx%dx%d".formatted(layer.name, n, k, m);
    return List.of(
        new KernelCase(
            FAMILY,
            (layer.geluAfter ? "linearGelu" : "linear") + suffix,
            calls,
            layer.geluAfter ? OpCost.matmulGelu(type, n, k, m) : OpCost.matmul(type, n, k, m),
            i -> {
              Buffers s = sets.get(i % sets.size());
              if (layer.geluAfter) {
                ops.linearGelu(s.x, s.weight, bias, s.preActivationOrNull, s.out);
              } else {
                ops.linear(s.x, s.weight, bias, s.out);
              }
            }),
        new KernelCase(
            FAMILY,
            "linearBackwardInput" + (layer.geluBefore ? " gelu" : "") + suffix,
            calls,
            layer.geluBefore ? OpCost.matmulGelu(type, n, m, k) : OpCost.matmul(type, n, m, k),
            i -> {
              Buffers s = sets.get(i % sets.size());
              Tensor preActivation = layer.geluBefore ? s.preActivationOrNull : null;
              ops.linearBackwardInput(s.out, s.weight, preActivation, s.x);
            }),
        new KernelCase(
            FAMILY,
            "linearBackwardWeight" + suffix,
            calls,
            OpCost.weightGradient(type, n, k, m),
            i -> {
              Buffers s = sets.get(i % sets.size());
              ops.linearBackwardWeight(s.x, s.out, s.dWeight, dBias, false);
            }));
  }
}
