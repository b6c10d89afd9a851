package io.gptjava.train.model;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.MemoryPlan.Slot;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Runs a model one sequence at a time with a key/value cache: each new token costs one row,
 * whatever came before. Works on weights that somebody else may be training. Not thread-safe.
 */
public final class Decoder implements AutoCloseable {
  private static final int MOST_ROWS = 64;

  private final Backend backend;
  private final Ops ops;
  private final GptConfig config;
  private final ModelTensors weights;
  private final Arena arena = Arena.ofShared();
  private final int mostRows;
  private final Tensor tokens; // (1, R)
  private final Tensor residual; // (R, C)
  private final Tensor middle; // (R, C)
  private final Tensor norm; // (R, C)
  private final Tensor branch; // (R, C)
  private final Tensor attention; // (R, C)
  private final Tensor qkv; // (R, 3C)
  private final Tensor wide; // (R, 4C)
  private final Tensor mean; // (R)
  private final Tensor rstd; // (R)
  private final Tensor logits; // (1, V) F32
  private final Tensor keys; // (L, NH, context, HS)
  private final Tensor values; // (L, NH, context, HS)
  private final MemorySegment hostLogits; // (V)
  private int position;

  /**
   * Allocates the cache and the rows, in memory that the backend owns.
   *
   * @param weights of a model of this shape, on this backend
   */
  public Decoder(Backend backend, GptConfig config, ModelTensors weights) {
    this.backend = backend;
    this.ops = backend.ops();
    this.config = config;
    this.weights = weights;
    this.mostRows = Math.min(MOST_ROWS, config.contextLength());
    MemoryPlan plan = new MemoryPlan();
    Slots slots = Slots.plan(plan, config, weights.flat().dtype());
    MemoryPlan.Allocation a = plan.allocate(backend);
    this.tokens = a.tensor(slots.tokens);
    this.residual = a.tensor(slots.residual);
    this.middle = a.tensor(slots.middle);
    this.norm = a.tensor(slots.norm);
    this.branch = a.tensor(slots.branch);
    this.attention = a.tensor(slots.attention);
    this.qkv = a.tensor(slots.qkv);
    this.wide = a.tensor(slots.wide);
    this.mean = a.tensor(slots.mean);
    this.rstd = a.tensor(slots.rstd);
    this.logits = a.tensor(slots.logits);
    this.keys = a.tensor(slots.keys);
    this.values = a.tensor(slots.values);
    this.hostLogits = arena.allocate(ValueLayout.JAVA_FLOAT, config.vocabularySize());
  }

  /** Counts the memory of a decoder without allocating it. */
  public static MemoryPlan plan(GptConfig config, DType type) {
    MemoryPlan plan = new MemoryPlan();
    Slots.plan(plan, config, type);
    return plan;
  }

  /** The tensors before their memory exists; shapes are those of the fields of these names. */
  private record Slots(
      Slot tokens,
      Slot residual,
      Slot middle,
      Slot norm,
      Slot branch,
      Slot attention,
      Slot qkv,
      Slot wide,
      Slot mean,
      Slot rstd,
      Slot logits,
      Slot keys,
      Slot values) {
    static Slots plan(MemoryPlan plan, GptConfig config, DType type) {
      long r = Math.min(MOST_ROWS, config.contextLength());
      long c = config.width();
      Role rows = Role.ACTIVATIONS;
      long[] cache = {config.layers(), config.heads(), config.contextLength(), config.headSize()};
      return new Slots(
          plan.add(rows, "tokens", DType.I32, 1, r),
          plan.add(rows, "residual", type, r, c),
          plan.add(rows, "middle", type, r, c),
          plan.add(rows, "norm", type, r, c),
          plan.add(rows, "branch", type, r, c),
          plan.add(rows, "attention", type, r, c),
          plan.add(rows, "qkv", type, r, 3 * c),
          plan.add(rows, "wide", type, r, 4 * c),
          plan.floats(rows, "mean", r),
          plan.floats(rows, "rstd", r),
          plan.floats(rows, "logits", 1, config.vocabularySize()),
          plan.add(Role.CACHE, "keys", type, cache),
          plan.add(Role.CACHE, "values", type, cache));
    }
  }

  /** Shape of the model. */
  public GptConfig config() {
    return config;
  }

  /** Number of positions in the cache. */
  public int position() {
    return position;
  }

  /** Forgets all positions. */
  public void reset() {
    position = 0;
  }

  /**
   * Appends tokens to the sequence and computes the logits that follow the last.
   *
   * @param ids tokens; those in [from, to) are appended
   * @param out (V) receives the logits
   * @throws IllegalArgumentException if the sequence would exceed the context length
   */
  public void append(int[] ids, int from, int to, float[] out) {
    if (from >= to || position + to - from > config.contextLength()) {
      throw new IllegalArgumentException(
          "%d tokens after %d of %d".formatted(to - from, position, config.contextLength()));
    }
    for (int at = from; at < to; at += mostRows) {
      run(ids, at, Math.min(to, at + mostRows));
    }
    int last = (to - from - 1) % mostRows;
    ops.headLogits(norm.slice(last, last + 1), weights.head(), logits);
    backend.download(logits, hostLogits);
    MemorySegment.copy(hostLogits, ValueLayout.JAVA_FLOAT, 0, out, 0, config.vocabularySize());
  }

  private void run(int[] ids, int from, int to) {
    int rows = to - from;
    Tensor input = tokens.prefix(1, rows);
    backend.upload(MemorySegment.ofArray(ids).asSlice(4L * from, 4L * rows), input);
    Rows r = new Rows(rows);
    ops.embedding(
        input, weights.wte(), weights.wpe(), position, Dropout.NONE, sequence(r.residual));
    ModelTensors.Block first = weights.blocks().getFirst();
    ops.layerNorm(r.residual, first.gamma1(), first.beta1(), r.norm, r.mean, r.rstd);
    for (int layer = 0; layer < config.layers(); layer++) {
      block(layer, r);
    }
    position += rows;
  }

  private void block(int layer, Rows r) {
    ModelTensors.Block w = weights.blocks().get(layer);
    ops.linear(r.norm, w.qkvWeight(), w.qkvBiasOrNull(), r.qkv);
    ops.cachedAttention(
        sequence(r.qkv),
        keys.slice(layer, layer + 1),
        values.slice(layer, layer + 1),
        position,
        sequence(r.attention));
    ops.linear(r.attention, w.projectionWeight(), w.projectionBias(), r.branch);
    link(r.residual, r, w.gamma2(), w.beta2(), r.middle);
    ops.linearGelu(r.norm, w.fcWeight(), w.fcBias(), null, r.wide);
    ops.linear(r.wide, w.outWeight(), w.outBias(), r.branch);
    boolean last = layer + 1 == config.layers();
    ModelTensors.Block next = last ? null : weights.blocks().get(layer + 1);
    Tensor gamma = last ? weights.finalGamma() : next.gamma1();
    Tensor beta = last ? weights.finalBeta() : next.beta1();
    link(r.middle, r, gamma, beta, r.residual);
  }

  private void link(Tensor from, Rows r, Tensor gamma, Tensor beta, Tensor to) {
    int rows = Math.toIntExact(from.size(0));
    ops.residualLayerNorm(
        from, r.branch, Dropout.NONE, rows, gamma, beta, to, r.norm, r.mean, r.rstd);
  }

  private static Tensor sequence(Tensor rows) {
    return rows.reshape(1, rows.size(0), rows.size(1));
  }

  /** The first rows of every buffer. */
  private final class Rows {
    final Tensor residual;
    final Tensor middle;
    final Tensor norm;
    final Tensor branch;
    final Tensor attention;
    final Tensor qkv;
    final Tensor wide;
    final Tensor mean;
    final Tensor rstd;

    Rows(int rows) {
      residual = Decoder.this.residual.slice(0, rows);
      middle = Decoder.this.middle.slice(0, rows);
      norm = Decoder.this.norm.slice(0, rows);
      branch = Decoder.this.branch.slice(0, rows);
      attention = Decoder.this.attention.slice(0, rows);
      qkv = Decoder.this.qkv.slice(0, rows);
      wide = Decoder.this.wide.slice(0, rows);
      mean = Decoder.this.mean.slice(0, rows);
      rstd = Decoder.this.rstd.slice(0, rows);
    }
  }

  /** Frees the host copy of the logits; the backend frees the rest. */
  @Override
  public void close() {
    arena.close();
  }
}
