package io.gptjava.train.model;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.Ops;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Philox;
import io.gptjava.core.Precision;
import io.gptjava.core.Tensor;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.Activations.Layer;
import java.lang.foreign.MemorySegment;

/**
 * GPT-2 with its forward and backward pass over micro-batches of (B, T) tokens. All memory is
 * allocated when the model is made; a step allocates nothing. The backend owns the memory.
 *
 * <p>The residual stream passes through fused links: each adds a branch (attention or MLP), drops
 * it out, and normalises the sum for the next branch. Forward and backward read as the mirror of
 * each other.
 */
public final class GptModel {
  private final Backend backend;
  private final Ops ops;
  private final GptConfig config;
  private final int batch;
  private final int sequence;
  private final ParameterLayout layout;
  private final ModelMemory memory;
  private final ModelTensors weights;
  private final Activations<Tensor> activations;
  private final Tensor workspace;
  private final Runnable evaluation;
  private final Runnable firstMicroStep;
  private final Runnable laterMicroStep;

  /**
   * Allocates an fp32 model; its weights are zero.
   *
   * @param batch B
   * @param sequence T, at most the context length
   * @param train whether {@link #forwardBackward} and {@link #update} will be called
   */
  public GptModel(Backend backend, GptConfig config, int batch, int sequence, boolean train) {
    this(backend, config, Precision.FP32, batch, sequence, train);
  }

  /**
   * Allocates a model; its weights are zero.
   *
   * @param precision one that the backend computes in
   * @param batch B
   * @param sequence T, at most the context length
   * @param train whether {@link #forwardBackward} and {@link #update} will be called
   */
  public GptModel(
      Backend backend,
      GptConfig config,
      Precision precision,
      int batch,
      int sequence,
      boolean train) {
    if (sequence > config.contextLength()) {
      throw new IllegalArgumentException(sequence + " positions > " + config.contextLength());
    }
    this.backend = backend;
    this.ops = backend.ops();
    this.config = config;
    this.batch = batch;
    this.sequence = sequence;
    this.layout = new ParameterLayout(config);
    this.memory =
        ModelMemory.allocate(
            backend, layout, new ModelMemory.Size(config, precision, batch, sequence, train));
    this.weights = memory.weights();
    this.activations = memory.activations();
    this.workspace = memory.workspace();
    this.evaluation = backend.recording(this::forwardLoss);
    this.firstMicroStep = backend.recording(() -> forwardThenBackward(false));
    this.laterMicroStep = backend.recording(() -> forwardThenBackward(true));
  }

  /**
   * Counts the memory of a model without allocating it.
   *
   * @param ops of the backend that would run it
   */
  public static MemoryPlan plan(
      Ops ops, GptConfig config, Precision precision, int batch, int sequence, boolean train) {
    return ModelMemory.plan(ops, new ModelMemory.Size(config, precision, batch, sequence, train));
  }

  /** Shape of the model. */
  public GptConfig config() {
    return config;
  }

  /** Names and places of the parameters. */
  public ParameterLayout layout() {
    return layout;
  }

  /** The weights that the ops compute with. */
  public ModelTensors weights() {
    return weights;
  }

  /**
   * The weights in full precision (P) F32, as the optimizer updates them and files hold them. After
   * writing to them call {@link #mastersChanged}.
   */
  public Tensor masters() {
    return memory.masters();
  }

  /** Rounds the masters to the weights that the ops compute with, where these are a copy. */
  public void mastersChanged() {
    if (weights.flat().dtype() != DType.F32) {
      ops.cast(memory.masters(), weights.flat());
    }
  }

  /** All tensors, by slot of the plan. */
  public MemoryPlan.Allocation allocation() {
    return memory.allocation();
  }

  /**
   * Weights, gradients and moments for the optimizer.
   *
   * @param decayAll whether every parameter decays, or only matrices
   */
  public OptimizerState optimizerState(boolean decayAll) {
    ModelMemory.Training t = training();
    return new OptimizerState(
        memory.masters(),
        t.gradients().flat(),
        t.firstMoment(),
        t.secondMoment(),
        weights.flat().dtype() == DType.F32 ? null : weights.flat(),
        layout.ranges(decayAll));
  }

  /** Gradients of the weights. */
  public ModelTensors gradients() {
    return training().gradients();
  }

  /**
   * Copies a micro-batch of this model's B and T to where the ops read it.
   *
   * @throws GptException with {@link Failure#DATA} for a token that the vocabulary lacks
   */
  public void load(Batch data) {
    checkTokens(data.tokens());
    checkTokens(data.targets());
    backend.upload(MemorySegment.ofArray(data.tokens()), activations.tokens());
    backend.upload(MemorySegment.ofArray(data.targets()), activations.targets());
  }

  /** Forward pass and loss of the loaded micro-batch, dropout off, nothing kept for backward. */
  public void evaluate() {
    evaluation.run();
  }

  private void forwardLoss() {
    forward(0);
    head(null, null, false);
  }

  /**
   * Forward and backward pass of the loaded micro-batch: adds its loss to the step's and writes or
   * adds its gradients.
   *
   * @param accumulate whether gradients add to those of earlier micro-batches of the step
   */
  public void forwardBackward(boolean accumulate) {
    (accumulate ? laterMicroStep : firstMicroStep).run();
  }

  private void forwardThenBackward(boolean accumulate) {
    forward(config.dropout());
    backward(accumulate);
  }

  /** Finds the global gradient norm and, from it, the factor that clips the gradients. */
  public void clip(OptimizerState state) {
    ops.globalGradientNorm(state);
  }

  /** One AdamW step with the clipped gradients. */
  public void update(OptimizerState state, AdamWSettings settings) {
    ops.adamW(state, settings);
  }

  private void checkTokens(int[] tokens) {
    for (int token : tokens) {
      if (token >= config.vocabularySize() || token < 0 && token != Ops.IGNORED_TARGET) {
        throw new GptException(
            Failure.DATA,
            "the data has token %d, but --vocab-size is %d; raise it, or use data of this tokenizer"
                .formatted(token, config.vocabularySize()));
      }
    }
  }

  private ModelMemory.Training training() {
    return memory
        .training()
        .orElseThrow(() -> new IllegalStateException("model was made for inference"));
  }

  private static Dropout residualDropout(float p, int link) {
    return Dropout.of(p, Philox.PURPOSE_RESIDUAL_DROPOUT, link);
  }

  private static Dropout attentionDropout(float p, int layer) {
    return Dropout.of(p, Philox.PURPOSE_ATTENTION_DROPOUT, layer);
  }

  private static Dropout embeddingDropout(float p) {
    return Dropout.of(p, Philox.PURPOSE_EMBEDDING_DROPOUT, 0);
  }

  private void forward(float p) {
    Activations<Tensor> a = activations;
    Layer<Tensor> first = a.layers().getFirst();
    ModelTensors.Block block = weights.blocks().getFirst();
    ops.embedding(
        a.tokens(), weights.wte(), weights.wpe(), 0, embeddingDropout(p), rows3(first.residual()));
    ops.layerNorm(
        first.residual(),
        block.gamma1(),
        block.beta1(),
        first.norm1(),
        first.mean1(),
        first.rstd1());
    for (int i = 0; i < config.layers(); i++) {
      forwardAttention(i, p);
      forwardMlp(i, p);
    }
  }

  private void forwardAttention(int i, float p) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    Tensor branch = activations.branch();
    ops.linear(layer.norm1(), w.qkvWeight(), w.qkvBiasOrNull(), layer.qkv());
    ops.attention(
        rows3(layer.qkv()),
        null,
        config.heads(),
        attentionDropout(p, i),
        rows3(layer.attention()),
        layer.logSumExp());
    ops.linear(layer.attention(), w.projectionWeight(), w.projectionBias(), branch);
    ops.residualLayerNorm(
        layer.residual(),
        branch,
        residualDropout(p, 2 * i),
        sequence,
        w.gamma2(),
        w.beta2(),
        layer.middle(),
        layer.norm2(),
        layer.mean2(),
        layer.rstd2());
  }

  private void forwardMlp(int i, float p) {
    Activations<Tensor> a = activations;
    Layer<Tensor> layer = a.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ops.linearGelu(
        layer.norm2(), w.fcWeight(), w.fcBias(), layer.preActivation(), layer.activation());
    ops.linear(layer.activation(), w.outWeight(), w.outBias(), a.branch());
    boolean last = i + 1 == config.layers();
    Dropout dropout = residualDropout(p, 2 * i + 1);
    if (last) {
      ops.residualLayerNorm(
          layer.middle(),
          a.branch(),
          dropout,
          sequence,
          weights.finalGamma(),
          weights.finalBeta(),
          a.finalResidual(),
          a.finalNorm(),
          a.finalMean(),
          a.finalRstd());
    } else {
      Layer<Tensor> next = a.layers().get(i + 1);
      ModelTensors.Block nextWeights = weights.blocks().get(i + 1);
      ops.residualLayerNorm(
          layer.middle(),
          a.branch(),
          dropout,
          sequence,
          nextWeights.gamma1(),
          nextWeights.beta1(),
          next.residual(),
          next.norm1(),
          next.mean1(),
          next.rstd1());
    }
  }

  private void head(Tensor dXOrNull, Tensor dWeightOrNull, boolean accumulate) {
    ops.headCrossEntropy(
        activations.finalNorm(),
        weights.head(),
        activations.targets(),
        config.vocabularySize(),
        activations.losses(),
        dXOrNull,
        dWeightOrNull,
        accumulate,
        workspace);
  }

  private void backward(boolean accumulate) {
    Activations<Tensor> a = activations;
    ModelMemory.Training t = training();
    ModelTensors g = t.gradients();
    float p = config.dropout();
    int links = 2 * config.layers();
    head(t.dNorm(), g.head(), accumulate);
    ops.residualLayerNormBackward(
        t.dNorm(),
        a.finalResidual(),
        weights.finalGamma(),
        a.finalMean(),
        a.finalRstd(),
        null,
        residualDropout(p, links - 1),
        sequence,
        t.dResidual(),
        t.dBranch(),
        g.finalGamma(),
        g.finalBeta(),
        accumulate,
        workspace);
    for (int i = config.layers() - 1; i >= 0; i--) {
      backwardMlp(i, p, accumulate);
      backwardAttention(i, p, accumulate);
    }
    ops.embeddingBackward(
        a.tokens(),
        rows3(t.dResidual()),
        embeddingDropout(p),
        g.wte(),
        accumulate || config.tieEmbeddings(),
        g.wpe(),
        accumulate,
        workspace);
  }

  private void backwardMlp(int i, float p, boolean accumulate) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ModelMemory.Training t = training();
    ModelTensors.Block g = t.gradients().blocks().get(i);
    ops.linearBackwardWeight(
        layer.activation(), t.dBranch(), g.outWeight(), g.outBias(), accumulate);
    ops.linearBackwardInput(t.dBranch(), w.outWeight(), layer.preActivation(), t.dWide());
    ops.linearBackwardWeight(layer.norm2(), t.dWide(), g.fcWeight(), g.fcBias(), accumulate);
    ops.linearBackwardInput(t.dWide(), w.fcWeight(), null, t.dNorm());
    ops.residualLayerNormBackward(
        t.dNorm(),
        layer.middle(),
        w.gamma2(),
        layer.mean2(),
        layer.rstd2(),
        t.dResidual(),
        residualDropout(p, 2 * i),
        sequence,
        t.dResidual(),
        t.dBranch(),
        g.gamma2(),
        g.beta2(),
        accumulate,
        workspace);
  }

  private void backwardAttention(int i, float p, boolean accumulate) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ModelMemory.Training t = training();
    ModelTensors.Block g = t.gradients().blocks().get(i);
    ops.linearBackwardWeight(
        layer.attention(), t.dBranch(), g.projectionWeight(), g.projectionBias(), accumulate);
    ops.linearBackwardInput(t.dBranch(), w.projectionWeight(), null, t.dNorm());
    ops.attentionBackward(
        rows3(t.dNorm()),
        rows3(layer.qkv()),
        rows3(layer.attention()),
        layer.logSumExp(),
        null,
        config.heads(),
        attentionDropout(p, i),
        rows3(t.dQkv()),
        workspace);
    ops.linearBackwardWeight(layer.norm1(), t.dQkv(), g.qkvWeight(), g.qkvBiasOrNull(), accumulate);
    ops.linearBackwardInput(t.dQkv(), w.qkvWeight(), null, t.dNorm());
    ops.residualLayerNormBackward(
        t.dNorm(),
        layer.residual(),
        w.gamma1(),
        layer.mean1(),
        layer.rstd1(),
        t.dResidual(),
        i > 0 ? residualDropout(p, 2 * i - 1) : Dropout.NONE,
        sequence,
        t.dResidual(),
        i > 0 ? t.dBranch() : null,
        g.gamma1(),
        g.beta1(),
        accumulate,
        workspace);
  }

  /** (N, M) seen as (B, T, M). */
  private Tensor rows3(Tensor rows) {
    return rows.reshape(batch, sequence, rows.size(-1));
  }
}
