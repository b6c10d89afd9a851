package io.gptjava.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Formulas against numbers worked out by hand. */
final class OpCostTest {
  private static final GptConfig TEXTBOOK = TrainBenchmark.Settings.textbook().model();

  @Test
  void textbookModelHasTheParametersOfTheSourceDocuments() {
    assertEquals(162_419_712L, TEXTBOOK.parameterCount());
  }

  @Test
  void textbookStepTakes379GigaflopsOfMatrixProducts() {
    // 12 blocks of 12·768² weights and a head of 768·50,257, 2 FLOPs each, 3 passes, 512 rows.
    long weights = 12L * 12 * 768 * 768 + 768L * 50_257;
    assertEquals(123_532_032L, weights);
    double flops = StepMatmul.stepFlops(StepMatmul.of(TEXTBOOK, 512));
    assertEquals(6.0 * 512 * weights, flops);
    assertEquals(379.5, flops / 1e9, 0.05);
  }

  @Test
  void stepHasThreeProductsPerLayer() {
    List<StepMatmul> step = StepMatmul.of(TEXTBOOK, 512);
    assertEquals(15, step.size());
    assertEquals(3 * (4 * 12 + 1), step.stream().mapToInt(StepMatmul::count).sum());
    StepMatmul out = step.stream().filter(m -> m.name().equals("out dW")).findFirst().orElseThrow();
    assertEquals(3072, out.inputs());
    assertEquals(768, out.outputs());
    assertEquals(2.0 * 512 * 3072 * 768, out.flops());
  }

  @Test
  void matmulCountsTwoFlopsPerMultiplyAdd() {
    assertEquals(new OpCost(2 * 2 * 3 * 5, 4 * (6 + 15 + 10)), OpCost.matmul(DType.F32, 2, 3, 5));
    assertEquals(new OpCost(60, 4 * (6 + 15 + 20)), OpCost.matmulGelu(DType.F32, 2, 3, 5));
  }

  @Test
  void causalAttentionCountsHalfOfTheScores() {
    // B 2, T 8, NH 3, HS 4: 64/2 pairs in each of 6 heads, two products of 2·4 FLOPs.
    double forward = 2.0 * 2 * 4 * 32 * 6;
    assertEquals(
        new OpCost(forward, 4 * (4 * 16 * 12 + 48)), OpCost.attention(DType.F32, 2, 8, 3, 12));
    assertEquals(
        new OpCost(2.5 * forward, 4 * (8 * 16 * 12 + 48)),
        OpCost.attentionBackward(DType.F32, 2, 8, 3, 12));
  }

  @Test
  void headMakesThreeProducts() {
    assertEquals(
        3 * OpCost.matmul(DType.F32, 4, 8, 10).flops(),
        OpCost.headCrossEntropy(DType.F32, 4, 8, 10).flops());
    assertEquals(
        OpCost.matmul(DType.F32, 4, 8, 10).flops(), OpCost.headLoss(DType.F32, 4, 8, 10).flops());
  }

  @Test
  void adamWMovesSevenFloatsAParameter() {
    assertEquals(4.547_751_936e9, OpCost.adamW(162_419_712).bytes());
    assertEquals(4 * 162_419_712.0, OpCost.gradientNorm(162_419_712).bytes());
  }

  @Test
  void theSlowerCeilingDecides() {
    OpCost cost = new OpCost(600, 100);
    assertEquals(6, cost.secondsAtLeast(100, 50));
    assertEquals(10, cost.secondsAtLeast(100, 10));
    assertEquals(new OpCost(601, 102), cost.plus(new OpCost(1, 2)));
  }

  @Test
  void bf16HalvesActivationsAndWeightsOnly() {
    DType bf16 = DType.BF16;
    assertEquals(new OpCost(60, 2 * (6 + 15 + 10)), OpCost.matmul(bf16, 2, 3, 5));
    assertEquals(new OpCost(60, 2 * (6 + 10) + 4 * 15), OpCost.weightGradient(bf16, 2, 3, 5));
    assertEquals(OpCost.matmul(DType.F32, 2, 3, 5), OpCost.weightGradient(DType.F32, 2, 3, 5));
    assertEquals(2 * (2 * 20 + 2 * 5) + 4 * 8, OpCost.layerNorm(bf16, 4, 5).bytes());
    assertEquals(2 * (3 * 20 + 5) + 4 * 18, OpCost.layerNormBackward(bf16, 4, 5, 3).bytes());
    assertEquals(2 * 20 + 4 * 50, OpCost.embeddingBackward(bf16, 4, 5, 10).bytes());
    assertEquals(30 * 100, OpCost.adamW(100, bf16).bytes());
    assertEquals(28 * 100, OpCost.adamW(100, DType.F32).bytes());
  }
}
