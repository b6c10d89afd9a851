package io.gptjava.benchmarks;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.ModelTensors;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;

/**
 * Times each matrix product of a training step alone, through the backend's ops, on the model's own
 * weights (taken in turn from all blocks, so that they come from memory as in a step) and random
 * activations. Weight gradients are written over the model's gradients, which the next step
 * overwrites. The head's products run over the padded vocabulary, as the linear ops of the same
 * shape.
 */
final class MatmulProbe {
  /** A product is repeated for at least this long a sample, in milliseconds. */
  private static final double SAMPLE_MS = 15;

  private final Backend backend;
  private final Ops ops;
  private final DType type;
  private final List<Case> cases = new ArrayList<>();

  private record Case(StepMatmul matmul, IntConsumer run, List<Double> samples) {}

  /** Allocates the activations; they live as long as the backend. */
  MatmulProbe(Backend backend, GptModel model, List<StepMatmul> matmuls, long seed) {
    this.backend = backend;
    this.ops = backend.ops();
    GptConfig config = model.config();
    long n = matmuls.getFirst().rows();
    long c = config.width();
    type = model.weights().flat().dtype();
    Tensor wideIn = random(n, 4 * c, seed);
    Tensor wideOut = random(n, 4 * c, seed + 1);
    Tensor logits = random(n, config.paddedVocabularySize(), seed + 2);
    for (StepMatmul m : matmuls) {
      Tensor x = wideIn.prefix(n, m.inputs());
      IntConsumer run =
          m.layer().equals(StepMatmul.HEAD)
              ? head(m, model, x, logits)
              : linear(m, model, x, wideOut.prefix(n, m.outputs()));
      cases.add(new Case(m, run, new ArrayList<>()));
    }
  }

  private IntConsumer linear(StepMatmul m, GptModel model, Tensor x, Tensor y) {
    List<Tensor> weights = ofBlocks(m, model.weights());
    List<Tensor> gradients = ofBlocks(m, model.gradients());
    int blocks = weights.size();
    return switch (m.pass()) {
      case FORWARD -> i -> ops.linear(x, weights.get(i % blocks), null, y);
      case INPUT_GRADIENT -> i -> ops.linearBackwardInput(y, weights.get(i % blocks), null, x);
      case WEIGHT_GRADIENT ->
          i -> ops.linearBackwardWeight(x, y, gradients.get(i % blocks), null, false);
    };
  }

  private IntConsumer head(StepMatmul m, GptModel model, Tensor x, Tensor logits) {
    Tensor weight = model.weights().head();
    Tensor gradient = model.gradients().head();
    return switch (m.pass()) {
      case FORWARD -> _ -> ops.linearBackwardInput(x, weight, null, logits);
      case INPUT_GRADIENT -> _ -> ops.linear(logits, weight, null, x);
      case WEIGHT_GRADIENT -> _ -> ops.linearBackwardWeight(logits, x, gradient, null, false);
    };
  }

  private static List<Tensor> ofBlocks(StepMatmul m, ModelTensors tensors) {
    return tensors.blocks().stream()
        .map(
            block ->
                switch (m.layer()) {
                  case "qkv" -> block.qkvWeight();
                  case "proj" -> block.projectionWeight();
                  case "fc" -> block.fcWeight();
                  case "out" -> block.outWeight();
                  default -> throw new IllegalArgumentException(m.layer());
                })
        .toList();
  }

  private Tensor random(long rows, long columns, long seed) {
    Memory memory = backend.allocate("benchmark", rows * columns * type.bytes());
    Tensor tensor = Tensor.of(memory, 0, type, rows, columns);
    Memory rowMemory = backend.allocate("benchmark", columns * Float.BYTES);
    Tensor floats = Tensor.of(rowMemory, 0, DType.F32, columns);
    SplittableRandom random = new SplittableRandom(seed);
    float[] row = new float[Math.toIntExact(columns)];
    for (long r = 0; r < rows; r++) {
      for (int i = 0; i < row.length; i++) {
        row[i] = random.nextFloat() - 0.5f;
      }
      backend.upload(MemorySegment.ofArray(row), floats);
      ops.cast(floats, tensor.slice(r, r + 1));
    }
    return tensor;
  }

  /** Takes one sample of every product. */
  void round() {
    for (Case c : cases) {
      c.samples.add(sample(c));
    }
  }

  /** Forgets the samples so far: they were for warming up. */
  void reset() {
    cases.forEach(c -> c.samples.clear());
  }

  /** Milliseconds of one product, averaged over back-to-back repetitions. */
  private double sample(Case c) {
    long begin = System.nanoTime();
    double ms;
    int repetitions = 0;
    do {
      c.run.accept(repetitions++);
      backend.synchronize();
      ms = (System.nanoTime() - begin) * 1e-6;
    } while (ms < SAMPLE_MS);
    return ms / repetitions;
  }

  /** Medians over the rounds. */
  List<TrainBenchmarkResult.MatmulRate> results() {
    return cases.stream()
        .map(
            c -> {
              double ms = Timing.of(c.samples).median();
              return new TrainBenchmarkResult.MatmulRate(
                  c.matmul, ms, c.matmul.flops() / (ms * 1e-3));
            })
        .toList();
  }
}
