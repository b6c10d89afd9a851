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
import io.gptjava.core.Tensor;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.Activations.Layer;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.MemoryPlan.Slot;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * GPT-2 with its forward and backward pass over micro-batches of (B, T) tokens. All memory is
 * allocated when the model is made; a step allocates nothing. The backend owns the memory.
 *
 * <p>The residual stream passes through fused links: each adds a branch (attention or MLP), drops
 * it out, and normalises the sum for the next branch. Forward and backward read as the mirror of
 * each other.
 */
public final class GptModel {
  /** Most bytes that the logits of one chunk of rows may take. */
  private static final long LOGITS_BUDGET = 128L << 20;

  private final Backend backend;
  private final Ops ops;
  private final GptConfig config;
  private final int batch;
  private final int sequence;
  private final ParameterLayout layout;
  private final MemoryPlan.Allocation allocation;
  private final ModelTensors weights;
  private final Optional<Training> training;
  private final Activations<Tensor> activations;
  private final Tensor workspace;

  /**
   * What only training needs.
   *
   * @param gradients of the weights
   * @param firstMoment (P)
   * @param secondMoment (P)
   * @param dResidual (N, C) gradient of the residual stream
   * @param dBranch (N, C) gradient of a branch's output
   * @param dNorm (N, C) gradient of a normalisation's output
   * @param dWide (N, 4C) gradient inside the MLP
   * @param dQkv (N, 3C) on the same memory: the two are never alive together
   */
  private record Training(
      ModelTensors gradients,
      Tensor firstMoment,
      Tensor secondMoment,
      Tensor dResidual,
      Tensor dBranch,
      Tensor dNorm,
      Tensor dWide,
      Tensor dQkv) {}

  /** The slots of one model, before and after its memory exists. */
  private record Slots(
      Slot parameters,
      Slot gradients,
      Slot firstMoment,
      Slot secondMoment,
      Activations<Slot> activations,
      Slot dResidual,
      Slot dBranch,
      Slot dNorm,
      Slot dWide,
      Slot workspace) {}

  /**
   * Allocates a model; its weights are zero.
   *
   * @param batch B
   * @param sequence T, at most the context length
   * @param train whether {@link #backward} and {@link #update} will be called
   */
  public GptModel(Backend backend, GptConfig config, int batch, int sequence, boolean train) {
    if (sequence > config.contextLength()) {
      throw new IllegalArgumentException(sequence + " positions > " + config.contextLength());
    }
    this.backend = backend;
    this.ops = backend.ops();
    this.config = config;
    this.batch = batch;
    this.sequence = sequence;
    this.layout = new ParameterLayout(config);
    MemoryPlan plan = new MemoryPlan();
    Slots slots = plan(plan, ops, layout, batch, sequence, train);
    this.allocation = plan.allocate(backend);
    this.weights = ModelTensors.of(layout, allocation.tensor(slots.parameters));
    this.activations = Activations.bind(slots.activations, allocation);
    this.workspace = allocation.tensor(slots.workspace);
    this.training = train ? Optional.of(bindTraining(slots)) : Optional.empty();
  }

  /**
   * Counts the memory of a model without allocating it.
   *
   * @param ops of the backend that would run it
   */
  public static MemoryPlan plan(Ops ops, GptConfig config, int batch, int sequence, boolean train) {
    MemoryPlan plan = new MemoryPlan();
    plan(plan, ops, new ParameterLayout(config), batch, sequence, train);
    return plan;
  }

  private static Slots plan(
      MemoryPlan plan, Ops ops, ParameterLayout layout, int batch, int sequence, boolean train) {
    GptConfig config = layout.config();
    long n = (long) batch * sequence;
    long c = config.width();
    long p = layout.size();
    Slot parameters = plan.floats(Role.PARAMETERS, "weights", p);
    Slot gradients = null;
    Slot firstMoment = null;
    Slot secondMoment = null;
    Slot dResidual = null;
    Slot dBranch = null;
    Slot dNorm = null;
    Slot dWide = null;
    long scratch =
        ops.headCrossEntropyWorkspace(
            n, config.width(), config.paddedVocabularySize(), LOGITS_BUDGET);
    if (train) {
      gradients = plan.floats(Role.GRADIENTS, "gradients", p);
      firstMoment = plan.floats(Role.OPTIMIZER, "first moment", p);
      secondMoment = plan.floats(Role.OPTIMIZER, "second moment", p);
      dResidual = plan.floats(Role.ACTIVATIONS, "gradient of residual", n, c);
      dBranch = plan.floats(Role.ACTIVATIONS, "gradient of branch", n, c);
      dNorm = plan.floats(Role.ACTIVATIONS, "gradient of norm", n, c);
      dWide = plan.floats(Role.ACTIVATIONS, "gradient of mlp.fc / qkv", n, 4 * c);
      scratch = Math.max(scratch, ops.embeddingBackwardWorkspace(batch, sequence, config.width()));
      scratch = Math.max(scratch, ops.layerNormBackwardWorkspace(n, config.width()));
      scratch =
          Math.max(
              scratch,
              ops.attentionBackwardWorkspace(batch, sequence, config.width(), config.heads()));
    }
    Activations<Slot> activations = Activations.plan(plan, config, batch, sequence, train);
    Slot workspace = plan.add(Role.WORKSPACE, "workspace", DType.U8, scratch);
    return new Slots(
        parameters,
        gradients,
        firstMoment,
        secondMoment,
        activations,
        dResidual,
        dBranch,
        dNorm,
        dWide,
        workspace);
  }

  private Training bindTraining(Slots slots) {
    long n = (long) batch * sequence;
    Tensor dWide = allocation.tensor(slots.dWide);
    return new Training(
        ModelTensors.of(layout, allocation.tensor(slots.gradients)),
        allocation.tensor(slots.firstMoment),
        allocation.tensor(slots.secondMoment),
        allocation.tensor(slots.dResidual),
        allocation.tensor(slots.dBranch),
        allocation.tensor(slots.dNorm),
        dWide,
        dWide.prefix(n, 3L * config.width()));
  }

  /** Shape of the model. */
  public GptConfig config() {
    return config;
  }

  /** Names and places of the parameters. */
  public ParameterLayout layout() {
    return layout;
  }

  /** The weights. */
  public ModelTensors weights() {
    return weights;
  }

  /** All tensors, by slot of the plan. */
  public MemoryPlan.Allocation allocation() {
    return allocation;
  }

  /**
   * Weights, gradients and moments for the optimizer.
   *
   * @param decayAll whether every parameter decays, or only matrices
   */
  public OptimizerState optimizerState(boolean decayAll) {
    Training t = training();
    return new OptimizerState(
        weights.flat(),
        t.gradients.flat(),
        t.firstMoment,
        t.secondMoment,
        null,
        layout.ranges(decayAll));
  }

  /** Gradients of the weights. */
  public ModelTensors gradients() {
    return training().gradients;
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

  private Training training() {
    return training.orElseThrow(() -> new IllegalStateException("model was made for inference"));
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
    Training t = training();
    ModelTensors g = t.gradients;
    float p = config.dropout();
    int links = 2 * config.layers();
    head(t.dNorm, g.head(), accumulate);
    ops.residualLayerNormBackward(
        t.dNorm,
        a.finalResidual(),
        weights.finalGamma(),
        a.finalMean(),
        a.finalRstd(),
        null,
        residualDropout(p, links - 1),
        sequence,
        t.dResidual,
        t.dBranch,
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
        rows3(t.dResidual),
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
    Training t = training();
    ModelTensors.Block g = t.gradients.blocks().get(i);
    ops.linearBackwardWeight(layer.activation(), t.dBranch, g.outWeight(), g.outBias(), accumulate);
    ops.linearBackwardInput(t.dBranch, w.outWeight(), layer.preActivation(), t.dWide);
    ops.linearBackwardWeight(layer.norm2(), t.dWide, g.fcWeight(), g.fcBias(), accumulate);
    ops.linearBackwardInput(t.dWide, w.fcWeight(), null, t.dNorm);
    ops.residualLayerNormBackward(
        t.dNorm,
        layer.middle(),
        w.gamma2(),
        layer.mean2(),
        layer.rstd2(),
        t.dResidual,
        residualDropout(p, 2 * i),
        sequence,
        t.dResidual,
        t.dBranch,
        g.gamma2(),
        g.beta2(),
        accumulate,
        workspace);
  }

  private void backwardAttention(int i, float p, boolean accumulate) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    Training t = training();
    ModelTensors.Block g = t.gradients.blocks().get(i);
    ops.linearBackwardWeight(
        layer.attention(), t.dBranch, g.projectionWeight(), g.projectionBias(), accumulate);
    ops.linearBackwardInput(t.dBranch, w.projectionWeight(), null, t.dNorm);
    ops.attentionBackward(
        rows3(t.dNorm),
        rows3(layer.qkv()),
        rows3(layer.attention()),
        layer.logSumExp(),
        null,
        config.heads(),
        attentionDropout(p, i),
        rows3(t.dQkv),
        workspace);
    ops.linearBackwardWeight(layer.norm1(), t.dQkv, g.qkvWeight(), g.qkvBiasOrNull(), accumulate);
    ops.linearBackwardInput(t.dQkv, w.qkvWeight(), null, t.dNorm);
    ops.residualLayerNormBackward(
        t.dNorm,
        layer.residual(),
        w.gamma1(),
        layer.mean1(),
        layer.rstd1(),
        t.dResidual,
        i > 0 ? residualDropout(p, 2 * i - 1) : Dropout.NONE,
        sequence,
        t.dResidual,
        i > 0 ? t.dBranch : null,
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
