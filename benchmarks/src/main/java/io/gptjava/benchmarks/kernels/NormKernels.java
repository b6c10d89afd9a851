package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Ops on rows and on elements: layer normalisation with the residual stream, GELU, softmax, cast.
 */
final class NormKernels {
  private static final String NORMALISATION = "normalisation";
  private static final String ELEMENTWISE = "elementwise";

  private static final String PASSES =
      "goes through a row three times in the cache: mean, variance, result";
  private static final String EXPONENTIAL =
      "compute-bound: an exponential and a division an element";

  private NormKernels() {}

  private record Links(
      Tensor residual, Tensor branch, Tensor sum, Tensor out, Tensor mean, Tensor rstd) {}

  static List<KernelCase> normalisation(
      Backend backend, CaseOperands operands, KernelShapes shapes) {
    Ops ops = backend.ops();
    DType type = shapes.type();
    long n = shapes.rows();
    long c = shapes.width();
    int layers = shapes.model().layers();
    Tensor gamma = operands.uniform(type, 0.9f, 1.1f, c);
    Tensor beta = operands.weights(type, c);
    Tensor dGamma = operands.output(DType.F32, c);
    Tensor dBeta = operands.output(DType.F32, c);
    Tensor workspace =
        operands.workspace(ops.layerNormBackwardWorkspace(n, shapes.model().width()));
    List<Links> sets =
        operands.sets(
            4.0 * type.bytes() * n * c,
            () ->
                new Links(
                    operands.activations(type, n, c),
                    operands.activations(type, n, c),
                    operands.activations(type, n, c),
                    operands.activations(type, n, c),
                    operands.uniform(DType.F32, -0.1f, 0.1f, n),
                    operands.uniform(DType.F32, 0.9f, 1.1f, n)));
    return List.of(
        new KernelCase(
                NORMALISATION,
                "layerNorm",
                1,
                OpCost.layerNorm(type, n, c),
                i -> {
                  Links s = sets.get(i % sets.size());
                  ops.layerNorm(s.residual, gamma, beta, s.out, s.mean, s.rstd);
                })
            .onCpu(CpuNotes.of(type, PASSES)),
        new KernelCase(
                NORMALISATION,
                "residualLayerNorm",
                2 * layers,
                OpCost.residualLayerNorm(type, n, c),
                i -> {
                  Links s = sets.get(i % sets.size());
                  ops.residualLayerNorm(
                      s.residual,
                      s.branch,
                      shapes.residualDropout(),
                      shapes.sequence(),
                      gamma,
                      beta,
                      s.sum,
                      s.out,
                      s.mean,
                      s.rstd);
                })
            .onCpu(CpuNotes.of(shapes, PASSES)),
        new KernelCase(
                NORMALISATION,
                "residualLayerNormBackward",
                2 * layers + 1,
                OpCost.layerNormBackward(type, n, c, 5),
                i -> {
                  Links s = sets.get(i % sets.size());
                  ops.residualLayerNormBackward(
                      s.out,
                      s.sum,
                      gamma,
                      s.mean,
                      s.rstd,
                      s.residual,
                      shapes.residualDropout(),
                      shapes.sequence(),
                      s.residual,
                      s.branch,
                      dGamma,
                      dBeta,
                      false,
                      workspace);
                })
            .onCpu(
                CpuNotes.of(
                    shapes,
                    "goes through a row three times in the cache, adding it to the sums of gamma's"
                        + " and beta's gradients")));
  }

  private record Trio(Tensor a, Tensor b, Tensor c) {}

  static List<KernelCase> elementwise(Backend backend, CaseOperands operands, KernelShapes shapes) {
    Ops ops = backend.ops();
    DType type = shapes.type();
    long n = shapes.rows();
    long wide = 4 * shapes.width();
    List<Trio> sets =
        operands.sets(
            3.0 * type.bytes() * n * wide,
            () ->
                new Trio(
                    operands.activations(type, n, wide),
                    operands.activations(type, n, wide),
                    operands.activations(type, n, wide)));
    OpCost two = OpCost.elementwise(type, n * wide, 2);
    OpCost three = OpCost.elementwise(type, n * wide, 3);
    return List.of(
        elementwise("gelu", two, i -> ops.gelu(at(sets, i).a, at(sets, i).b))
            .onCpu(CpuNotes.of(type, EXPONENTIAL)),
        elementwise(
                "geluBackward",
                three,
                i -> ops.geluBackward(at(sets, i).a, at(sets, i).b, at(sets, i).c))
            .onCpu(CpuNotes.of(type, EXPONENTIAL)),
        elementwise("softmax", two, i -> ops.softmax(at(sets, i).a, at(sets, i).b))
            .onCpu(CpuNotes.of(type, "three passes over a row in the cache; " + EXPONENTIAL)),
        elementwise(
                "softmaxBackward",
                three,
                i -> ops.softmaxBackward(at(sets, i).a, at(sets, i).b, at(sets, i).c))
            .onCpu(CpuNotes.of(type, "two passes over a row in the cache")),
        elementwise("copy", two, i -> ops.copy(at(sets, i).a, at(sets, i).b)),
        elementwise(
                "fill", OpCost.elementwise(type, n * wide, 1), i -> ops.fill(at(sets, i).c, 0.5f))
            .onCpu("a store first reads the cache line that it overwrites, which is not counted"),
        cast(ops, operands, n * wide));
  }

  /** From fp32 to bf16, as masters are rounded. */
  private static KernelCase cast(Ops ops, CaseOperands operands, long count) {
    double bytes = (DType.F32.bytes() + DType.BF16.bytes()) * (double) count;
    record Pair(Tensor from, Tensor to) {}
    List<Pair> sets =
        operands.sets(
            bytes,
            () ->
                new Pair(
                    operands.activations(DType.F32, count), operands.output(DType.BF16, count)));
    return elementwise(
            "cast f32 to bf16",
            new OpCost(0, bytes),
            i -> ops.cast(at(sets, i).from, at(sets, i).to))
        .onCpu("compute-bound: rounds to nearest even and keeps NaN in six vector instructions");
  }

  private static <T> T at(List<T> sets, int i) {
    return sets.get(i % sets.size());
  }

  private static KernelCase elementwise(String name, OpCost cost, IntConsumer run) {
    return new KernelCase(ELEMENTWISE, name, 0, cost, run);
  }
}
