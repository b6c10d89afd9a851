package io.gptjava.core.reference;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Ops;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Tensor;

/** {@link Ops} of the reference: each group of ops in a class of its own. */
final class ReferenceOps implements Ops {
  private final ReferenceEmbedding embedding;
  private final ReferenceNorm norm;
  private final ReferenceLinear linear = new ReferenceLinear();
  private final ReferenceAttention attention;
  private final ReferenceHead head;
  private final ReferenceOptimizer optimizer;

  ReferenceOps(HostStepControl control) {
    embedding = new ReferenceEmbedding(control);
    norm = new ReferenceNorm(control);
    attention = new ReferenceAttention(control);
    head = new ReferenceHead(control);
    optimizer = new ReferenceOptimizer(control);
  }

  @Override
  public void embedding(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out) {
    embedding.forward(tokens, wte, wpe, firstPosition, dropout, out);
  }

  @Override
  public void embeddingBackward(
      Tensor tokens,
      Tensor dOut,
      Dropout dropout,
      Tensor dWte,
      boolean accumulateWte,
      Tensor dWpe,
      boolean accumulateWpe,
      Tensor workspace) {
    embedding.backward(tokens, dOut, dropout, dWte, accumulateWte, dWpe, accumulateWpe);
  }

  @Override
  public long embeddingBackwardWorkspace(int batch, int sequence, int width) {
    return 0;
  }

  @Override
  public void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd) {
    norm.layerNorm(x, gamma, beta, out, mean, rstd);
  }

  @Override
  public void residualLayerNorm(
      Tensor residual,
      Tensor branch,
      Dropout dropout,
      int rowsPerSample,
      Tensor gamma,
      Tensor beta,
      Tensor residualOut,
      Tensor out,
      Tensor mean,
      Tensor rstd) {
    norm.addBranch(residual, branch, dropout, rowsPerSample, residualOut);
    norm.layerNorm(residualOut, gamma, beta, out, mean, rstd);
  }

  @Override
  public void residualLayerNormBackward(
      Tensor dOut,
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor rstd,
      Tensor dResidualOutOrNull,
      Dropout dropout,
      int rowsPerSample,
      Tensor dResidual,
      Tensor dBranchOrNull,
      Tensor dGamma,
      Tensor dBeta,
      boolean accumulate,
      Tensor workspace) {
    norm.backward(
        dOut,
        x,
        gamma,
        mean,
        rstd,
        dResidualOutOrNull,
        dropout,
        rowsPerSample,
        dResidual,
        dBranchOrNull,
        dGamma,
        dBeta,
        accumulate);
  }

  @Override
  public long layerNormBackwardWorkspace(long rows, int width) {
    return 0;
  }

  @Override
  public void linear(Tensor x, Tensor weight, Tensor biasOrNull, Tensor out) {
    linear.forward(x, weight, biasOrNull, null, out, false);
  }

  @Override
  public void linearGelu(
      Tensor x, Tensor weight, Tensor biasOrNull, Tensor preActivationOrNull, Tensor out) {
    linear.forward(x, weight, biasOrNull, preActivationOrNull, out, true);
  }

  @Override
  public void linearBackwardInput(
      Tensor dOut, Tensor weight, Tensor preActivationOrNull, Tensor dX) {
    linear.backwardInput(dOut, weight, preActivationOrNull, dX);
  }

  @Override
  public void linearBackwardWeight(
      Tensor x, Tensor dOut, Tensor dWeight, Tensor dBiasOrNull, boolean accumulate) {
    linear.backwardWeight(x, dOut, dWeight, dBiasOrNull, accumulate);
  }

  @Override
  public void gelu(Tensor x, Tensor out) {
    linear.gelu(x, out);
  }

  @Override
  public void geluBackward(Tensor x, Tensor dOut, Tensor dX) {
    linear.geluBackward(x, dOut, dX);
  }

  @Override
  public void attention(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor out,
      Tensor logSumExp) {
    attention.forward(qkv, firstVisibleOrNull, heads, dropout, out, logSumExp);
  }

  @Override
  public void attentionBackward(
      Tensor dOut,
      Tensor qkv,
      Tensor out,
      Tensor logSumExp,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor dQkv,
      Tensor workspace) {
    attention.backward(dOut, qkv, out, logSumExp, firstVisibleOrNull, heads, dropout, dQkv);
  }

  @Override
  public long attentionBackwardWorkspace(int batch, int sequence, int width, int heads) {
    return 0;
  }

  @Override
  public void cachedAttention(
      Tensor qkv, Tensor keyCache, Tensor valueCache, int firstPosition, Tensor out) {
    attention.cached(qkv, keyCache, valueCache, firstPosition, out);
  }

  @Override
  public void softmax(Tensor x, Tensor out) {
    head.softmax(x, out);
  }

  @Override
  public void softmaxBackward(Tensor out, Tensor dOut, Tensor dX) {
    head.softmaxBackward(out, dOut, dX);
  }

  @Override
  public void headCrossEntropy(
      Tensor x,
      Tensor weight,
      Tensor targets,
      int vocabulary,
      Tensor losses,
      Tensor dXOrNull,
      Tensor dWeightOrNull,
      boolean accumulate,
      Tensor workspace) {
    head.crossEntropy(x, weight, targets, vocabulary, losses, dXOrNull, dWeightOrNull, accumulate);
  }

  @Override
  public long headCrossEntropyWorkspace(long rows, int width, int paddedVocabulary, long budget) {
    return 0;
  }

  @Override
  public void headLogits(Tensor x, Tensor weight, Tensor logits) {
    head.logits(x, weight, logits);
  }

  @Override
  public void globalGradientNorm(OptimizerState state) {
    optimizer.globalGradientNorm(state);
  }

  @Override
  public void adamW(OptimizerState state, AdamWSettings settings) {
    optimizer.adamW(state, settings);
  }

  @Override
  public void roundStochastically(Tensor from, Tensor to, long seed, long updates) {
    optimizer.roundStochastically(from, to, seed, updates);
  }

  @Override
  public void cast(Tensor from, Tensor to) {
    ReferencePlumbing.cast(from, to);
  }

  @Override
  public void fill(Tensor tensor, float value) {
    ReferencePlumbing.fill(tensor, value);
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    ReferencePlumbing.copy(from, to);
  }
}
