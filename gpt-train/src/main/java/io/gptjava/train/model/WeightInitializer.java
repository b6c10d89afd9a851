package io.gptjava.train.model;

import io.gptjava.core.Backend;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * Draws initial weights from the {@link Philox} stream of each tensor, one 32-bit word per element,
 * on the host: the same seed gives the same weights on every backend and machine. Vocabulary
 * padding is zero.
 */
public final class WeightInitializer {
  private static final float GPT2_STDDEV = 0.02f;
  private static final int CHUNK = 1 << 16;

  private final Initialization kind;
  private final long seed;
  private final double residualStddev;

  /**
   * An initializer for one model.
   *
   * @param layers number of blocks, which GPT-2's residual scaling depends on
   */
  public WeightInitializer(Initialization kind, long seed, int layers) {
    this.kind = kind;
    this.seed = seed;
    this.residualStddev = GPT2_STDDEV / Math.sqrt(2.0 * layers);
  }

  /** Initialises all parameters of a layout in {@code flat} (P). */
  public void initialize(Backend backend, ParameterLayout layout, Tensor flat) {
    for (Parameter parameter : layout.parameters()) {
      Tensor tensor = ModelTensors.view(flat, parameter);
      if (flat.memory().hostAccessible()) {
        fill(parameter, tensor.segment());
      } else {
        try (Arena arena = Arena.ofShared()) {
          MemorySegment host = arena.allocate(tensor.byteSize());
          fill(parameter, host);
          backend.upload(host, tensor);
        }
      }
    }
  }

  private void fill(Parameter parameter, MemorySegment to) {
    to.fill((byte) 0);
    switch (parameter.kind()) {
      case NORM_SCALE -> constant(parameter, to, 1);
      case NORM_SHIFT -> {}
      case BIAS -> {
        if (kind == Initialization.PYTORCH) {
          uniform(parameter, to);
        }
      }
      case EMBEDDING -> normal(parameter, to, kind == Initialization.PYTORCH ? 1 : GPT2_STDDEV);
      case HEAD, LINEAR, RESIDUAL_PROJECTION -> {
        if (kind == Initialization.PYTORCH) {
          uniform(parameter, to);
        } else {
          boolean residual = parameter.kind() == ParameterLayout.Kind.RESIDUAL_PROJECTION;
          normal(parameter, to, residual ? residualStddev : GPT2_STDDEV);
        }
      }
    }
  }

  private static void constant(Parameter parameter, MemorySegment to, float value) {
    for (long i = 0; i < parameter.logicalCount(); i++) {
      to.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
  }

  private void normal(Parameter parameter, MemorySegment to, double stddev) {
    draw(parameter, to, p -> stddev * NormalQuantile.of(p));
  }

  /** {@code nn.Linear}'s default: both weight and bias uniform in ±1/√fanIn. */
  private void uniform(Parameter parameter, MemorySegment to) {
    double bound = 1 / Math.sqrt(parameter.fanIn());
    draw(parameter, to, p -> bound * (2 * p - 1));
  }

  private interface Transform {
    double apply(double p);
  }

  /** Turns word i of the tensor's stream into p in (0, 1) and p into element i. */
  private void draw(Parameter parameter, MemorySegment to, Transform transform) {
    long count = parameter.logicalCount();
    int chunks = Math.toIntExact((count + CHUNK - 1) / CHUNK);
    IntStream.range(0, chunks)
        .parallel()
        .forEach(
            chunk -> {
              int[] words = new int[4];
              long end = Math.min(count, (chunk + 1L) * CHUNK);
              for (long i = (long) chunk * CHUNK; i < end; i++) {
                int lane = (int) (i & 3);
                if (lane == 0) {
                  Philox.block(seed, i >> 2, 0, Philox.PURPOSE_INIT, parameter.index(), words, 0);
                }
                double p = ((words[lane] & 0xFFFFFFFFL) + 0.5) * 0x1p-32;
                to.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) transform.apply(p));
              }
            });
  }
}
