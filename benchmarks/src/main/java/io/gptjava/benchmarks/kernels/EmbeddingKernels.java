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

/** The embedding and its gradient. */
final class EmbeddingKernels {
  private static final String FAMILY = "embedding";

  private EmbeddingKernels() {}

  private record Buffers(Tensor tokens, Tensor stream) {}

  static List<KernelCase> embedding(Backend backend, CaseOperands operands, KernelShapes shapes) {
    Ops ops = backend.ops();
    GptConfig model = shapes.model();
    DType type = shapes.type();
    long b = shapes.batch();
    long t = shapes.sequence();
    long c = shapes.width();
    long rows = model.paddedVocabularySize();
    Tensor wte = operands.weights(type, rows, c);
    Tensor wpe = operands.weights(type, model.contextLength(), c);
    Tensor dWte = operands.output(DType.F32, rows, c);
    Tensor dWpe = operands.output(DType.F32, model.contextLength(), c);
    Tensor workspace =
        operands.workspace(
            ops.embeddingBackwardWorkspace(shapes.batch(), shapes.sequence(), Math.toIntExact(c)));
    Dropout dropout = shapes.dropout(Philox.PURPOSE_EMBEDDING_DROPOUT);
    List<Buffers> sets =
        operands.sets(
            (double) type.bytes() * b * t * c,
            () ->
                new Buffers(
                    operands.ids(model.vocabularySize(), b, t),
                    operands.activations(type, b, t, c)));
    return List.of(
        new KernelCase(
                FAMILY,
                "embedding",
                1,
                OpCost.embedding(type, shapes.rows(), c),
                i -> {
                  Buffers set = sets.get(i % sets.size());
                  ops.embedding(set.tokens, wte, wpe, 0, dropout, set.stream);
                })
            .onCpu(CpuNotes.of(shapes, "reads a row of the table a token, wherever it lies")),
        new KernelCase(
                FAMILY,
                "embeddingBackward",
                1,
                OpCost.embeddingBackward(type, shapes.rows(), c, rows + model.contextLength()),
                i -> {
                  Buffers set = sets.get(i % sets.size());
                  ops.embeddingBackward(
                      set.tokens, set.stream, dropout, dWte, false, dWpe, false, workspace);
                })
            .onCpu(
                CpuNotes.of(shapes, "writes all of both tables, and adds rows wherever they lie")));
  }
}
