package io.gptjava.train.model;

import io.gptjava.core.GptConfig;
import io.gptjava.core.OptimizerState.ParameterRange;
import java.util.ArrayList;
import java.util.List;

/**
 * Names, shapes and places of all parameters in one flat fp32 buffer. Names and orientations are
 * Hugging Face's GPT-2: {@code Conv1D} weights are (inputs, outputs). Vocabulary rows are padded in
 * memory; each tensor begins at a multiple of 64 elements.
 */
public final class ParameterLayout {
  private static final long ALIGNMENT = 64;

  private final GptConfig config;
  private final List<Parameter> parameters = new ArrayList<>();
  private long size;

  /** The role of a parameter, which decides how it begins and whether it decays. */
  public enum Kind {
    /** Token or position embedding, (rows, C). */
    EMBEDDING,
    /** Output head that is not tied, (V, C). */
    HEAD,
    /** Weight of a linear layer, (inputs, outputs). */
    LINEAR,
    /** Weight of a linear layer that writes to the residual stream, (inputs, outputs). */
    RESIDUAL_PROJECTION,
    /** Bias of a linear layer. */
    BIAS,
    /** Scale of a layer normalisation. */
    NORM_SCALE,
    /** Shift of a layer normalisation. */
    NORM_SHIFT
  }

  /**
   * One parameter tensor.
   *
   * @param name Hugging Face name, with the {@code transformer.} prefix
   * @param index its place in the layout: the site of its initial random stream
   * @param kind its role
   * @param offset first element in the flat buffer
   * @param shape shape in memory, vocabulary padded
   * @param logicalRows first dimension without padding, as in files
   * @param fanIn inputs of the layer that the parameter belongs to; 0 for embeddings and norms
   */
  public record Parameter(
      String name,
      int index,
      Kind kind,
      long offset,
      List<Long> shape,
      long logicalRows,
      long fanIn) {
    /** Elements in memory, padding included. */
    public long count() {
      return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** Elements without padding: those in files. */
    public long logicalCount() {
      return count() / shape.getFirst() * logicalRows;
    }

    /** Shape without padding, as in files. */
    public List<Long> logicalShape() {
      List<Long> logical = new ArrayList<>(shape);
      logical.set(0, logicalRows);
      return List.copyOf(logical);
    }

    /** Whether it has two dimensions. */
    public boolean isMatrix() {
      return shape.size() == 2;
    }
  }

  /** Lays out the parameters of a model. */
  public ParameterLayout(GptConfig config) {
    this.config = config;
    long c = config.width();
    long v = config.paddedVocabularySize();
    add("transformer.wte.weight", Kind.EMBEDDING, config.vocabularySize(), 0, v, c);
    long positions = config.contextLength();
    add("transformer.wpe.weight", Kind.EMBEDDING, positions, 0, positions, c);
    for (int layer = 0; layer < config.layers(); layer++) {
      String block = "transformer.h." + layer + ".";
      norm(block + "ln_1", c);
      linear(block + "attn.c_attn", Kind.LINEAR, c, 3 * c, config.qkvBias());
      linear(block + "attn.c_proj", Kind.RESIDUAL_PROJECTION, c, c, true);
      norm(block + "ln_2", c);
      linear(block + "mlp.c_fc", Kind.LINEAR, c, 4 * c, true);
      linear(block + "mlp.c_proj", Kind.RESIDUAL_PROJECTION, 4 * c, c, true);
    }
    norm("transformer.ln_f", c);
    if (!config.tieEmbeddings()) {
      add("lm_head.weight", Kind.HEAD, config.vocabularySize(), c, v, c);
    }
  }

  private void norm(String name, long c) {
    add(name + ".weight", Kind.NORM_SCALE, c, 0, c);
    add(name + ".bias", Kind.NORM_SHIFT, c, 0, c);
  }

  private void linear(String name, Kind kind, long inputs, long outputs, boolean bias) {
    add(name + ".weight", kind, inputs, inputs, inputs, outputs);
    if (bias) {
      add(name + ".bias", Kind.BIAS, outputs, inputs, outputs);
    }
  }

  private void add(String name, Kind kind, long logicalRows, long fanIn, Long... shape) {
    Parameter parameter =
        new Parameter(name, parameters.size(), kind, size, List.of(shape), logicalRows, fanIn);
    parameters.add(parameter);
    size += (parameter.count() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** The model that this is the layout of. */
  public GptConfig config() {
    return config;
  }

  /** All parameters, by offset. */
  public List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  /** The parameter of this name. */
  public Parameter parameter(String name) {
    return parameters.stream()
        .filter(p -> p.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no parameter " + name));
  }

  /** Elements of the flat buffer, alignment and vocabulary padding included. */
  public long size() {
    return size;
  }

  /**
   * The ranges that the optimizer works through.
   *
   * @param decayAll whether every parameter decays, or only matrices
   */
  public List<ParameterRange> ranges(boolean decayAll) {
    return parameters.stream()
        .map(p -> new ParameterRange(p.offset(), p.count(), decayAll || p.isMatrix()))
        .toList();
  }
}
