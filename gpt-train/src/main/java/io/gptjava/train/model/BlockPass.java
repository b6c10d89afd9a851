package io.gptjava.train.model;

import io.gptjava.core.Dropout;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Ops;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.model.Activations.Layer;

/**
 * Forward and backward pass of the transformer blocks. Each half of a block ends in a fused link of
 * the residual stream, which adds the half's output and normalises the sum for the half behind it;
 * so a block begins with its input normalised, and its backward pass ends by passing through that
 * normalisation.
 */
final class BlockPass {
  private final Ops ops;
  private final GptConfig config;
  private final Recompute recompute;
  private final int batch;
  private final int sequence;
  private final ModelMemory memory;
  private final ModelTensors weights;
  private final Activations<Tensor> activations;

  BlockPass(Ops ops, ModelSize size, ModelMemory memory) {
    this.ops = ops;
    config = size.config();
    recompute = size.recompute();
    batch = size.batch();
    sequence = size.sequence();
    this.memory = memory;
    weights = memory.weights();
    activations = memory.activations();
  }

  /** Dropout of a link: 2i behind the attention of block i, 2i + 1 behind its MLP. */
  static Dropout residualDropout(float p, int link) {
    return Dropout.of(p, Philox.PURPOSE_RESIDUAL_DROPOUT, link);
  }

  private static Dropout attentionDropout(float p, int layer) {
    return Dropout.of(p, Philox.PURPOSE_ATTENTION_DROPOUT, layer);
  }

  /** All blocks, from the first one's normalised input to the final normalisation's output. */
  void forward(float p) {
    for (int i = 0; i < config.layers(); i++) {
      forwardAttention(i, p);
      forwardMlpInner(i);
      forwardMlpLink(i, p);
    }
  }

  /** The first block's input, normalised; later ones come normalised from the link before. */
  void normalizeInput(int i) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ops.layerNorm(
        layer.residual(), w.gamma1(), w.beta1(), layer.norm1(), layer.mean1(), layer.rstd1());
  }

  private void forwardAttention(int i, float p) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    Tensor branch = activations.branch();
    ops.linear(layer.norm1(), w.qkvWeight(), w.qkvBiasOrNull(), layer.qkv());
    ops.attention(
        rows3(layer.qkv()),
        activations.firstVisibleOrNull(),
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

  private void forwardMlpInner(int i) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ops.linearGelu(
        layer.norm2(), w.fcWeight(), w.fcBias(), layer.preActivation(), layer.activation());
  }

  private void forwardMlpLink(int i, float p) {
    Activations<Tensor> a = activations;
    Layer<Tensor> layer = a.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ops.linear(layer.activation(), w.outWeight(), w.outBias(), a.branch());
    Dropout dropout = residualDropout(p, 2 * i + 1);
    if (isLast(i)) {
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

  private boolean isLast(int i) {
    return i + 1 == config.layers();
  }

  /** All blocks in reverse, from the gradient of the last link's branch to that of the input. */
  void backward(float p, boolean accumulate) {
    for (int i = config.layers() - 1; i >= 0; i--) {
      restore(i, p);
      backwardMlp(i, p, accumulate);
      backwardAttention(i, p, accumulate);
    }
  }

  /** Computes again what the block did not keep; of the last block everything is still there. */
  private void restore(int i, float p) {
    if (isLast(i)) {
      return;
    }
    switch (recompute) {
      case NONE -> {}
      case GELU -> {
        Layer<Tensor> layer = activations.layers().get(i);
        ModelTensors.Block w = weights.blocks().get(i);
        ops.linearGeluAgain(
            layer.norm2(), w.fcWeight(), w.fcBias(), layer.preActivation(), layer.activation());
      }
      case BLOCK -> {
        normalizeInput(i);
        forwardAttention(i, p);
        forwardMlpInner(i);
      }
    }
  }

  private void backwardMlp(int i, float p, boolean accumulate) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ModelMemory.Training t = memory.forTraining();
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
        memory.workspace());
  }

  private void backwardAttention(int i, float p, boolean accumulate) {
    Layer<Tensor> layer = activations.layers().get(i);
    ModelTensors.Block w = weights.blocks().get(i);
    ModelMemory.Training t = memory.forTraining();
    ModelTensors.Block g = t.gradients().blocks().get(i);
    ops.linearBackwardWeight(
        layer.attention(), t.dBranch(), g.projectionWeight(), g.projectionBias(), accumulate);
    ops.linearBackwardInput(t.dBranch(), w.projectionWeight(), null, t.dNorm());
    ops.attentionBackward(
        rows3(t.dNorm()),
        rows3(layer.qkv()),
        rows3(layer.attention()),
        layer.logSumExp(),
        activations.firstVisibleOrNull(),
        config.heads(),
        attentionDropout(p, i),
        rows3(t.dQkv()),
        memory.workspace());
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
        memory.workspace());
  }

  /** (N, M) seen as (B, T, M). */
  private Tensor rows3(Tensor rows) {
    return rows.reshape(batch, sequence, rows.size(-1));
  }
}
