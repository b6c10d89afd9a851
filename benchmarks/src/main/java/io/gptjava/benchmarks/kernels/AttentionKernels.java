package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Ops;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.util.List;

/** Attention in training, and what generation computes for one new position. */
final class AttentionKernels {
  private static final String ATTENTION = "attention";
  private static final String DECODING = "decoding";

  private static final String BLOCKS =
      "an exponential a score between products of single blocks; blocks on the diagonal are computed"
          + " whole and counted half";

  private AttentionKernels() {}

  private record Buffers(Tensor qkv, Tensor out, Tensor logSumExp, Tensor dOut, Tensor dQkv) {}

  static List<KernelCase> attention(Backend backend, CaseOperands operands, KernelShapes shapes) {
    Ops ops = backend.ops();
    GptConfig model = shapes.model();
    DType type = shapes.type();
    long b = shapes.batch();
    long t = shapes.sequence();
    long c = shapes.width();
    int heads = model.heads();
    Dropout dropout = shapes.dropout(Philox.PURPOSE_ATTENTION_DROPOUT);
    Tensor workspace =
        operands.workspace(
            ops.attentionBackwardWorkspace(
                shapes.batch(), shapes.sequence(), model.width(), heads));
    List<Buffers> sets =
        operands.sets(
            8.0 * type.bytes() * b * t * c,
            () ->
                new Buffers(
                    operands.activations(type, b, t, 3 * c),
                    operands.output(type, b, t, c),
                    operands.output(DType.F32, b, heads, t),
                    operands.activations(type, b, t, c),
                    operands.output(type, b, t, 3 * c)));
    // Backward needs the output and the log-sum-exp of these very inputs.
    sets.forEach(s -> ops.attention(s.qkv, null, heads, dropout, s.out, s.logSumExp));
    String suffix = " %dx%d, %d heads of %d".formatted(b, t, heads, model.headSize());
    return List.of(
        new KernelCase(
                ATTENTION,
                "attention" + suffix,
                model.layers(),
                OpCost.attention(type, b, t, heads, c),
                i -> {
                  Buffers s = sets.get(i % sets.size());
                  ops.attention(s.qkv, null, heads, dropout, s.out, s.logSumExp);
                })
            .onCpu(CpuNotes.of(shapes, BLOCKS)),
        new KernelCase(
                ATTENTION,
                "attentionBackward" + suffix,
                model.layers(),
                OpCost.attentionBackward(type, b, t, heads, c),
                i -> {
                  Buffers s = sets.get(i % sets.size());
                  ops.attentionBackward(
                      s.dOut, s.qkv, s.out, s.logSumExp, null, heads, dropout, s.dQkv, workspace);
                })
            .onCpu(CpuNotes.of(shapes, BLOCKS)));
  }

  private record Step(
      Tensor qkv, Tensor keys, Tensor values, Tensor out, Tensor qkvWeight, Tensor x) {}

  /** One sequence, one new position at the end of the context. */
  static List<KernelCase> decoding(Backend backend, CaseOperands operands, KernelShapes shapes) {
    Ops ops = backend.ops();
    GptConfig model = shapes.model();
    DType type = shapes.type();
    long c = shapes.width();
    int context = model.contextLength();
    double cache = 2.0 * type.bytes() * context * c;
    List<Step> sets =
        operands.sets(
            Math.min(cache, 3.0 * type.bytes() * c * c),
            () ->
                new Step(
                    operands.activations(type, 1, 1, 3 * c),
                    operands.activations(type, 1, model.heads(), context, model.headSize()),
                    operands.activations(type, 1, model.heads(), context, model.headSize()),
                    operands.output(type, 1, 1, c),
                    operands.weights(type, c, 3 * c),
                    operands.activations(type, 1, c)));
    Tensor head = operands.weights(type, model.paddedVocabularySize(), c);
    Tensor logits = operands.output(DType.F32, 1, model.vocabularySize());
    return List.of(
        new KernelCase(
                DECODING,
                "cachedAttention at position %d".formatted(context - 1),
                0,
                new OpCost(4.0 * context * c, cache),
                i -> {
                  Step s = sets.get(i % sets.size());
                  ops.cachedAttention(s.qkv, s.keys, s.values, context - 1, s.out);
                })
            .onCpu(
                CpuNotes.of(
                    type, "one position: so short that handing the heads to the threads counts")),
        new KernelCase(
                DECODING,
                "linear qkv, one row",
                0,
                OpCost.matmul(type, 1, c, 3 * c),
                i -> {
                  Step s = sets.get(i % sets.size());
                  ops.linear(s.x, s.qkvWeight, null, s.qkv.reshape(1, 3 * c));
                })
            .onCpu(CpuNotes.of(type, CpuNotes.ONE_ROW)),
        new KernelCase(
                DECODING,
                "headLogits, one row",
                0,
                OpCost.matmul(type, 1, c, model.vocabularySize()),
                i -> ops.headLogits(sets.get(i % sets.size()).x, head, logits))
            .onCpu(CpuNotes.of(type, CpuNotes.ONE_ROW)));
  }
}
