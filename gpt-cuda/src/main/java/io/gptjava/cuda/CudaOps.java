package io.gptjava.cuda;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.blas.Blas;
import io.gptjava.cuda.device.CudaDevice;

/** {@link Ops} on the device: each group of ops in a class of its own. */
final class CudaOps implements Ops {
  private final CudaAttention attention;
  private final CudaLinear linear;

  CudaOps(CudaDevice device, CudaStepControl control, Blas blas) {
    attention = new CudaAttention(device, control);
    linear = new CudaLinear(blas);
  }

  @Override
  public void embedding(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out) {
    throw new UnsupportedOperationException("embedding");
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
    throw new UnsupportedOperationException("embedding");
  }

  @Override
  public long embeddingBackwardWorkspace(int batch, int sequence, int width) {
    throw new UnsupportedOperationException("embedding");
  }

  @Override
  public void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd) {
    throw new UnsupportedOperationException("norm");
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
    throw new UnsupportedOperationException("norm");
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
    throw new UnsupportedOperationException("norm");
  }

  @Override
  public long layerNormBackwardWorkspace(long rows, int width) {
    throw new UnsupportedOperationException("norm");
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
    throw new UnsupportedOperationException("elementwise");
  }

  @Override
  public void geluBackward(Tensor x, Tensor dOut, Tensor dX) {
    throw new UnsupportedOperationException("elementwise");
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
    throw new UnsupportedOperationException("elementwise");
  }

  @Override
  public void softmaxBackward(Tensor out, Tensor dOut, Tensor dX) {
    throw new UnsupportedOperationException("elementwise");
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
    throw new UnsupportedOperationException("head");
  }

  @Override
  public long headCrossEntropyWorkspace(long rows, int width, int paddedVocabulary, long budget) {
    throw new UnsupportedOperationException("head");
  }

  @Override
  public void headLogits(Tensor x, Tensor weight, Tensor logits) {
    throw new UnsupportedOperationException("head");
  }

  @Override
  public void globalGradientNorm(OptimizerState state) {
    throw new UnsupportedOperationException("optimizer");
  }

  @Override
  public void adamW(OptimizerState state, AdamWSettings settings) {
    throw new UnsupportedOperationException("optimizer");
  }

  @Override
  public void cast(Tensor from, Tensor to) {
    throw new UnsupportedOperationException("elementwise");
  }

  @Override
  public void fill(Tensor tensor, float value) {
    throw new UnsupportedOperationException("elementwise");
  }

  @Override
  public void copy(Tensor from, Tensor to) {
    throw new UnsupportedOperationException("elementwise");
  }
}
