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
import io.gptjava.train.config.Recompute;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.Activations.Layer;
import java.lang.foreign.MemorySegment;

/**
 * GPT-2 with its forward and backward pass over micro-batches of (B, T) tokens. All memory is
 * allocated when the model is made; a step allocates nothing. The backend owns the memory.
 *
 * <p>The residual stream passes through fused links: each adds a branch (attention or MLP), drops
 * it out, and normalises the sum for the next branch; {@link BlockPass} has those of the blocks.
 * Forward and backward read as the mirror of each other.
 */
public final class GptModel {
  private final Backend backend;
  private final Ops ops;
  private final ModelSize size;
  private final GptConfig config;
  private final int batch;
  private final int sequence;
  private final ParameterLayout layout;
  private final ModelMemory memory;
  private final ModelTensors weights;
  private final Activations<Tensor> activations;
  private final Tensor workspace;
  private final BlockPass blocks;
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
    this(backend, new ModelSize(config, precision, Recompute.NONE, batch, sequence, train));
  }

  /** Allocates a model; its weights are zero. The backend must compute in its precision. */
  public GptModel(Backend backend, ModelSize size) {
    this.backend = backend;
    this.size = size;
    ops = backend.ops();
    config = size.config();
    batch = size.batch();
    sequence = size.sequence();
    layout = new ParameterLayout(config);
    memory = ModelMemory.allocate(backend, layout, size);
    weights = memory.weights();
    activations = memory.activations();
    workspace = memory.workspace();
    blocks = new BlockPass(ops, size, memory);
    evaluation = backend.recording(this::forwardLoss);
    firstMicroStep = backend.recording(() -> forwardThenBackward(false));
    laterMicroStep = backend.recording(() -> forwardThenBackward(true));
  }

  /**
   * Counts the memory of a model without allocating it.
   *
   * @param ops of the backend that would run it
   */
  public static MemoryPlan plan(Ops ops, ModelSize size) {
    return ModelMemory.plan(ops, size);
  }

  /** What its memory was planned for. */
  public ModelSize size() {
    return size;
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

  /**
   * {@link #mastersChanged} for the masters of a run that goes on: the weights that the ops compute
   * with become those that its last update left.
   *
   * @param seed the run's
   * @param updates made so far
   */
  public void mastersRestored(AdamWSettings settings, long seed, long updates) {
    if (settings.stochasticRounding() && weights.flat().dtype() == DType.BF16 && updates > 0) {
      ops.roundStochastically(memory.masters(), weights.flat(), seed, updates);
    } else {
      mastersChanged();
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
    ModelMemory.Training t = memory.forTraining();
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
    return memory.forTraining().gradients();
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

  /**
   * Computes the largest matrix product of a block once more, to time it: (N, C) times (C, 4C) of
   * the first one, on what the last forward pass left. Overwrites an activation.
   */
  public void largestProduct() {
    Layer<Tensor> layer = activations.layers().getFirst();
    ModelTensors.Block block = weights.blocks().getFirst();
    ops.linear(layer.norm2(), block.fcWeight(), block.fcBias(), layer.preActivation());
  }

  /** FLOPs of {@link #largestProduct}. */
  public double largestProductFlops() {
    return 2.0 * batch * sequence * config.width() * 4 * config.width();
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

  private static Dropout embeddingDropout(float p) {
    return Dropout.of(p, Philox.PURPOSE_EMBEDDING_DROPOUT, 0);
  }

  private void forward(float p) {
    Activations<Tensor> a = activations;
    Layer<Tensor> first = a.layers().getFirst();
    ops.embedding(
        a.tokens(), weights.wte(), weights.wpe(), 0, embeddingDropout(p), rows3(first.residual()));
    blocks.normalizeInput(0);
    blocks.forward(p);
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
    ModelMemory.Training t = memory.forTraining();
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
        BlockPass.residualDropout(p, links - 1),
        sequence,
        t.dResidual(),
        t.dBranch(),
        g.finalGamma(),
        g.finalBeta(),
        accumulate,
        workspace);
    blocks.backward(p, accumulate);
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

  /** (N, M) seen as (B, T, M). */
  private Tensor rows3(Tensor rows) {
    return rows.reshape(batch, sequence, rows.size(-1));
  }
}
