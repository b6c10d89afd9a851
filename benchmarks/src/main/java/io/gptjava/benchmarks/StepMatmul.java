package io.gptjava.benchmarks;

import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * One of the matrix products of a training step: a layer (K inputs, M outputs) in one of its three
 * passes over N rows.
 *
 * @param layer name of the layer
 * @param pass which product
 * @param rows N
 * @param inputs K; C for the head
 * @param outputs M; V for the head
 * @param count how often the step makes it
 */
public record StepMatmul(String layer, Pass pass, long rows, int inputs, int outputs, int count) {
  /** Name of the output head's products. */
  static final String HEAD = "head";

  /** Which of a layer's three products. */
  public enum Pass {
    /** Output: {@code x · W}. */
    FORWARD("forward"),
    /** Gradient of the input: {@code dOut · Wᵀ}. */
    INPUT_GRADIENT("dX"),
    /** Gradient of the weight: {@code xᵀ · dOut}. */
    WEIGHT_GRADIENT("dW");

    private final String label;

    Pass(String label) {
      this.label = label;
    }

    /** As shown in tables. */
    public String label() {
      return label;
    }
  }

  /** Layer and pass. */
  public String name() {
    return layer + " " + pass.label();
  }

  /** FLOPs of one such product: 2·N·K·M, the same for all passes. */
  public double flops() {
    return OpCost.matmul(DType.F32, rows, inputs, outputs).flops();
  }

  /**
   * All products of one step over N rows. Vocabulary padding is not counted: it is no useful work.
   */
  public static List<StepMatmul> of(GptConfig config, long rows) {
    int c = config.width();
    int layers = config.layers();
    List<StepMatmul> all = new ArrayList<>();
    for (Pass pass : Pass.values()) {
      all.add(new StepMatmul("qkv", pass, rows, c, 3 * c, layers));
      all.add(new StepMatmul("proj", pass, rows, c, c, layers));
      all.add(new StepMatmul("fc", pass, rows, c, 4 * c, layers));
      all.add(new StepMatmul("out", pass, rows, 4 * c, c, layers));
      all.add(new StepMatmul(HEAD, pass, rows, c, config.vocabularySize(), 1));
    }
    return List.copyOf(all);
  }

  /** FLOPs of all products of a step together. */
  public static double stepFlops(List<StepMatmul> step) {
    return step.stream().mapToDouble(m -> m.count * m.flops()).sum();
  }
}
