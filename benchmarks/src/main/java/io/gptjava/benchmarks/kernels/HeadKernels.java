package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Ops;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.ParameterLayout;
import java.util.List;

/** What a step does once: output head with the loss, and the optimizer over all parameters. */
final class HeadKernels {
  private static final String HEAD = "head";
  private static final String OPTIMIZER = "optimizer";

  /** Most bytes of a chunk's logits, as the model has it. */
  private static final long LOGITS_BUDGET = 128L << 20;

  private static final AdamWSettings ADAM_W = new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f);

  private HeadKernels() {}

  static List<KernelCase> head(Backend backend, CaseOperands operands, KernelShapes shapes) {
    Ops ops = backend.ops();
    GptConfig model = shapes.model();
    DType type = shapes.type();
    long n = shapes.rows();
    long c = shapes.width();
    int v = model.vocabularySize();
    Tensor x = operands.activations(type, n, c);
    Tensor weight = operands.weights(type, model.paddedVocabularySize(), c);
    Tensor targets = operands.ids(v, n);
    Tensor losses = operands.output(DType.F32, n);
    Tensor dX = operands.output(type, n, c);
    Tensor dWeight = operands.output(DType.F32, model.paddedVocabularySize(), c);
    Tensor workspace =
        operands.workspace(
            ops.headCrossEntropyWorkspace(
                n, model.width(), model.paddedVocabularySize(), LOGITS_BUDGET));
    String suffix = " %dx%dx%d".formatted(n, c, v);
    return List.of(
        new KernelCase(
            HEAD,
            "headCrossEntropy" + suffix,
            1,
            OpCost.headCrossEntropy(type, n, c, v),
            _ ->
                ops.headCrossEntropy(x, weight, targets, v, losses, dX, dWeight, false, workspace)),
        new KernelCase(
            HEAD,
            "headCrossEntropy, loss only" + suffix,
            0,
            OpCost.headLoss(type, n, c, v),
            _ ->
                ops.headCrossEntropy(x, weight, targets, v, losses, null, null, false, workspace)));
  }

  static List<KernelCase> optimizer(Backend backend, CaseOperands operands, KernelShapes shapes) {
    Ops ops = backend.ops();
    ParameterLayout layout = new ParameterLayout(shapes.model());
    long count = layout.size();
    long parameters = shapes.model().parameterCount();
    DType type = shapes.type();
    OptimizerState state =
        new OptimizerState(
            operands.weights(DType.F32, count),
            operands.uniform(DType.F32, -1e-3f, 1e-3f, count),
            operands.uniform(DType.F32, -1e-3f, 1e-3f, count),
            operands.uniform(DType.F32, 0, 1e-6f, count),
            type == DType.F32 ? null : operands.output(type, count),
            layout.ranges(false));
    return List.of(
        new KernelCase(
                OPTIMIZER,
                "globalGradientNorm",
                1,
                OpCost.gradientNorm(parameters),
                _ -> ops.globalGradientNorm(state))
            .onCpu(
                "every float becomes a float64 that is squared and summed: half as many a vector"),
        new KernelCase(
            OPTIMIZER, "adamW", 1, OpCost.adamW(parameters, type), _ -> ops.adamW(state, ADAM_W)));
  }
}
