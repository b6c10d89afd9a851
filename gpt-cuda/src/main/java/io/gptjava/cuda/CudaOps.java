package io.gptjava.cuda;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.blas.Blas;
import io.gptjava.cuda.device.CudaDevice;

/** {@link Ops} on the device: each group of ops in a class of its own. */
final class CudaOps implements Ops, AutoCloseable {
  private final CudaEmbedding embedding;
  private final CudaNorm norm;
  private final CudaAttention attention;
  private final CudaLinear linear;
  private final CudaElementwise elementwise;
  private final CudaHead head;
  private final CudaOptimizer optimizer;

  CudaOps(CudaDevice device, CudaStepControl control, Blas blas) {
    embedding = new CudaEmbedding(device, control);
    norm = new CudaNorm(device, control);
    attention = new CudaAttention(device, control);
    linear = new CudaLinear(blas);
    elementwise = new CudaElementwise(device);
    head = new CudaHead(device, control, blas);
    optimizer = new CudaOptimizer(device, control);
  }

  @Override
  public void embedding(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out) {
    embedding.embedding(tokens, wte, wpe, firstPosition, dropout, out);
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
    embedding.embeddingBackward(
        tokens, dOut, dropout, dWte, accumulateWte, dWpe, accumulateWpe, workspace);
  }

  @Override
  public long embeddingBackwardWorkspace(int batch, int sequence, int width) {
    return embedding.embeddingBackwardWorkspace(batch, sequence, width);
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
    norm.residualLayerNorm(
        residual, branch, dropout, rowsPerSample, gamma, beta, residualOut, out, mean, rstd);
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
    norm.residualLayerNormBackward(
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
        accumulate,
        workspace);
  }

  @Override
  public long layerNormBackwardWorkspace(long rows, int width) {
    return norm.layerNormBackwardWorkspace(rows, width);
  }

  @Override
  public void linear(Tensor x, Tensor weight, Tensor biasOrNull, Tensor out) {
    linear.linear(x, weight, biasOrNull, out);
  }

  @Override
  public void linearGelu(
      Tensor x, Tensor weight, Tensor biasOrNull, Tensor preActivationOrNull, Tensor out) {
    linear.linearGelu(x, weight, biasOrNull, preActivationOrNull, out);
  }

  @Override
  public void linearBackwardInput(
      Tensor dOut, Tensor weight, Tensor preActivationOrNull, Tensor dX) {
    linear.linearBackwardInput(dOut, weight, preActivationOrNull, dX);
  }

  @Override
  public void linearBackwardWeight(
      Tensor x, Tensor dOut, Tensor dWeight, Tensor dBiasOrNull, boolean accumulate) {
    linear.linearBackwardWeight(x, dOut, dWeight, dBiasOrNull, accumulate);
  }

  @Override
  public void gelu(Tensor x, Tensor out) {
    elementwise.gelu(x, out);
  }

  @Override
  public void geluBackward(Tensor x, Tensor dOut, Tensor dX) {
    elementwise.geluBackward(x, dOut, dX);
  }

  @Override
  public void attention(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor out,
      Tensor logSumExp) {
    attention.attention(qkv, firstVisibleOrNull, heads, dropout, out, logSumExp);
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
    attention.attentionBackward(
        dOut, qkv, out, logSumExp, firstVisibleOrNull, heads, dropout, dQkv, workspace);
  }

  @Override
  public long attentionBackwardWorkspace(int batch, int sequence, int width, int heads) {
    return attention.attentionBackwardWorkspace(batch, sequence, width, heads);
  }

  @Override
  public void cachedAttention(
      Tensor qkv, Tensor keyCache, Tensor valueCache, int firstPosition, Tensor out) {
    attention.cachedAttention(qkv, keyCache, valueCache, firstPosition, out);
  }

  @Override
  public void softmax(Tensor x, Tensor out) {
    elementwise.softmax(x, out);
  }

  @Override
  public void softmaxBackward(Tensor out, Tensor dOut, Tensor dX) {
    elementwise.softmaxBackward(out, dOut, dX);
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
    head.headCrossEntropy(
        x, weight, targets, vocabulary, losses, dXOrNull, dWeightOrNull, accumulate, workspace);
  }

  @Override
  public long headCrossEntropyWorkspace(long rows, int width, int paddedVocabulary, long budget) {
    return head.headCrossEntropyWorkspace(rows, width, paddedVocabulary, budget);
  }

  @Override
  public void headLogits(Tensor x, Tensor weight, Tensor logits) {
    head.headLogits(x, weight, logits);
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
    elementwise.cast(from, to);
  }

  @Override
  public void fill(Tensor tensor, float value) {
    elementwise.fill(tensor, value);
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    elementwise.copy(from, to);
  }

  @Override
  public void close() {
    optimizer.close();
  }
}
