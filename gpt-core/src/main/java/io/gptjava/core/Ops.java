package io.gptjava.core;

/**
 * The operations that a GPT is trained and sampled with. Fused and training-grade: forward beside
 * backward, on tensors that the caller allocated.
 *
 * <p>Letters in shapes: B sequences in the micro-batch, T positions, N = B·T rows, C width, NH
 * heads, HS = C / NH, V vocabulary. Unless an op says otherwise:
 *
 * <ul>
 *   <li>tensors are dense and row-major; float tensors share one dtype; masters, gradients of
 *       weights, statistics ({@code mean}, {@code rstd}, {@code logSumExp}, {@code losses}) are
 *       {@link DType#F32}; token ids and indices are {@link DType#I32};
 *   <li>outputs are overwritten, whatever they held; gradients of weights are overwritten, or added
 *       to when {@code accumulate} is true;
 *   <li>inputs and outputs do not overlap;
 *   <li>a parameter called {@code …OrNull} may be null;
 *   <li>an op that needs scratch has a {@code …Workspace} twin that tells its bytes for the same
 *       shapes; the workspace's content is meaningless before and after;
 *   <li>nothing allocates, nothing waits for the device;
 *   <li>the same inputs give the same bits, whatever the number of threads.
 * </ul>
 *
 * <p>Shape errors are programming errors and throw {@link IllegalArgumentException}.
 */
public interface Ops {

  // ---- embedding ------------------------------------------------------------------------------

  /**
   * Token plus position embedding, then dropout by rows: {@code out[b,t] = drop(wte[tokens[b,t]] +
   * wpe[firstPosition + t])}.
   *
   * @param tokens (B, T) ids in [0, V)
   * @param wte (V', C) token embedding, V' ≥ V
   * @param wpe (maximum T, C) position embedding
   * @param firstPosition position of column 0; 0 in training
   * @param out (B, T, C)
   */
  void embedding(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out);

  /**
   * Gradient of {@link #embedding} with first position 0. Rows of {@code dWte} and {@code dWpe}
   * that no token or position used become 0, or stay when accumulating.
   *
   * @param tokens (B, T)
   * @param dOut (B, T, C)
   * @param dWte (V', C)
   * @param accumulateWte add to {@code dWte} (also wanted when the head, tied, wrote it before)
   * @param dWpe (maximum T, C)
   * @param accumulateWpe add to {@code dWpe}
   * @param workspace at least {@link #embeddingBackwardWorkspace} bytes
   */
  void embeddingBackward(
      Tensor tokens,
      Tensor dOut,
      Dropout dropout,
      Tensor dWte,
      boolean accumulateWte,
      Tensor dWpe,
      boolean accumulateWpe,
      Tensor workspace);

  /** Scratch of {@link #embeddingBackward} in bytes. */
  long embeddingBackwardWorkspace(int batch, int sequence, int width);

  // ---- layer normalisation and residual stream ----------------------------------------------

  /**
   * Layer normalisation (Ba et al., 2016) of each row: {@code out = (x − mean) · rstd · gamma +
   * beta}, with the biased variance and ε = {@link GptConfig#LAYER_NORM_EPSILON}.
   *
   * @param x (N, C)
   * @param gamma (C)
   * @param beta (C)
   * @param out (N, C)
   * @param mean (N)
   * @param rstd (N) 1 / √(variance + ε)
   */
  void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd);

  /**
   * One link of the residual stream: {@code residualOut = residual + drop(branch)}, then {@link
   * #layerNorm} of it into {@code out}.
   *
   * @param residual (N, C); may be the same tensor as {@code residualOut}
   * @param branch (N, C) output of attention or MLP
   * @param rowsPerSample T, which turns a row into its place in the global batch for dropout
   * @param residualOut (N, C)
   * @param out (N, C)
   */
  void residualLayerNorm(
      Tensor residual,
      Tensor branch,
      Dropout dropout,
      int rowsPerSample,
      Tensor gamma,
      Tensor beta,
      Tensor residualOut,
      Tensor out,
      Tensor mean,
      Tensor rstd);

  /**
   * Gradient of {@link #residualLayerNorm}, and of {@link #layerNorm} when {@code dBranchOrNull} is
   * null. With {@code g} the gradient of the layer normalisation's input: {@code dResidual =
   * dResidualOutOrNull + g} (just {@code g} for null) and {@code dBranch = drop'(dResidual)}.
   *
   * @param dOut (N, C) gradient of the normalised output
   * @param x (N, C) what was normalised: {@code residualOut}
   * @param gamma (C)
   * @param mean (N) as saved
   * @param rstd (N) as saved
   * @param dResidualOutOrNull (N, C) gradient that reaches {@code residualOut} from later links;
   *     may be the same tensor as {@code dResidual}
   * @param dropout of the forward op
   * @param rowsPerSample T
   * @param dResidual (N, C)
   * @param dBranchOrNull (N, C); may be {@code dOut}
   * @param dGamma (C)
   * @param dBeta (C)
   * @param workspace at least {@link #layerNormBackwardWorkspace} bytes
   */
  void residualLayerNormBackward(
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
      Tensor workspace);

  /** Scratch of {@link #residualLayerNormBackward} in bytes. */
  long layerNormBackwardWorkspace(long rows, int width);

  // ---- linear layers ------------------------------------------------------------------------

  /**
   * Linear layer {@code out = x · weight + bias}. One row is allowed and reads the weights once.
   *
   * @param x (N, K)
   * @param weight (K, M): Conv1D layout, inputs by outputs
   * @param biasOrNull (M)
   * @param out (N, M)
   */
  void linear(Tensor x, Tensor weight, Tensor biasOrNull, Tensor out);

  /**
   * Linear layer followed by GELU: {@code preActivation = x · weight + bias}, {@code out =
   * gelu(preActivation)}.
   *
   * @param preActivationOrNull (N, M), kept for backward; null in inference
   * @param out (N, M)
   */
  void linearGelu(
      Tensor x, Tensor weight, Tensor biasOrNull, Tensor preActivationOrNull, Tensor out);

  /**
   * Computes {@code out} of an earlier {@link #linearGelu} again, to the same bits, for a backward
   * pass that did not keep it. A backend whose GELU of the stored pre-activation has those bits
   * need not repeat the product; this does, for those whose fused GELU sees unrounded sums.
   *
   * @param preActivation (N, M) as saved; may be written to, what it holds
   * @param out (N, M)
   */
  default void linearGeluAgain(
      Tensor x, Tensor weight, Tensor biasOrNull, Tensor preActivation, Tensor out) {
    linearGelu(x, weight, biasOrNull, preActivation, out);
  }

  /**
   * Gradient of a linear layer's input, {@code dX = dOut · weightᵀ}; with a pre-activation, of the
   * GELU before it too: {@code dX = (dOut · weightᵀ) ⊙ gelu'(preActivation)}.
   *
   * @param dOut (N, M)
   * @param weight (K, M)
   * @param preActivationOrNull (N, K) input of the GELU whose output was this layer's {@code x}
   * @param dX (N, K)
   */
  void linearBackwardInput(Tensor dOut, Tensor weight, Tensor preActivationOrNull, Tensor dX);

  /**
   * Gradients of a linear layer's weight and bias, {@code dWeight = xᵀ · dOut} and {@code dBias = Σ
   * dOut} over rows.
   *
   * @param x (N, K)
   * @param dOut (N, M)
   * @param dWeight (K, M)
   * @param dBiasOrNull (M)
   */
  void linearBackwardWeight(
      Tensor x, Tensor dOut, Tensor dWeight, Tensor dBiasOrNull, boolean accumulate);

  // ---- GELU ---------------------------------------------------------------------------------

  /**
   * GELU in its tanh form (Hendrycks and Gimpel, 2016), as GPT-2 uses: {@code ½x(1 + tanh(√(2/π)(x
   * + 0.044715x³)))}. The result may be the input tensor.
   */
  void gelu(Tensor x, Tensor out);

  /** Gradient of {@link #gelu}: {@code dX = dOut ⊙ gelu'(x)}. {@code dX} may be {@code dOut}. */
  void geluBackward(Tensor x, Tensor dOut, Tensor dX);

  // ---- attention ----------------------------------------------------------------------------

  /**
   * Causal multi-head self-attention (Vaswani et al., 2017) without a T×T matrix in memory (Dao et
   * al., 2022). With q, k, v the thirds of {@code qkv}, per head: {@code s[i,j] = q[i]·k[j] / √HS}
   * for {@code firstVisible[i] ≤ j ≤ i}, {@code out[i] = Σ drop(softmax(s)[i,j]) v[j]}.
   *
   * @param qkv (B, T, 3C): q of all heads, then k, then v; head h at columns h·HS of each third
   * @param firstVisibleOrNull (B, T) I32: first key that a query sees (documents, left padding), in
   *     [0, i]; null for 0
   * @param heads NH
   * @param dropout on the softmax weights, laid out by tiles ({@link DropoutLayout})
   * @param out (B, T, C)
   * @param logSumExp (B, NH, T) natural logarithm of Σ exp(s[i,j])
   */
  void attention(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor out,
      Tensor logSumExp);

  /**
   * Gradient of {@link #attention}; scores and dropout are recomputed.
   *
   * @param dOut (B, T, C)
   * @param qkv (B, T, 3C)
   * @param out (B, T, C) as saved
   * @param logSumExp (B, NH, T) as saved
   * @param dQkv (B, T, 3C)
   * @param workspace at least {@link #attentionBackwardWorkspace} bytes
   */
  void attentionBackward(
      Tensor dOut,
      Tensor qkv,
      Tensor out,
      Tensor logSumExp,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor dQkv,
      Tensor workspace);

  /** Scratch of {@link #attentionBackward} in bytes. */
  long attentionBackwardWorkspace(int batch, int sequence, int width, int heads);

  /**
   * Attention of T new positions over a cache, for generation: appends the new keys and values at
   * {@code firstPosition}, then attends causally over positions 0 … firstPosition + t. No dropout.
   *
   * @param qkv (B, T, 3C) of the new positions
   * @param keyCache (B, NH, capacity, HS)
   * @param valueCache (B, NH, capacity, HS)
   * @param firstPosition number of positions already in the cache
   * @param out (B, T, C)
   */
  void cachedAttention(
      Tensor qkv, Tensor keyCache, Tensor valueCache, int firstPosition, Tensor out);

  // ---- softmax and loss ---------------------------------------------------------------------

  /**
   * Softmax of each row with the maximum subtracted. The result may be the input tensor.
   *
   * @param x (N, M)
   * @param out (N, M)
   */
  void softmax(Tensor x, Tensor out);

  /**
   * Gradient of {@link #softmax}: {@code dX = out ⊙ (dOut − Σ dOut ⊙ out)}. {@code dX} may be
   * {@code dOut}.
   */
  void softmaxBackward(Tensor out, Tensor dOut, Tensor dX);

  /** Target value that is ignored: contributes neither loss nor gradient. */
  int IGNORED_TARGET = -100;

  /**
   * Output head and mean cross-entropy as one op, in chunks of rows: {@code logits = x · weightᵀ}
   * over the first {@code vocabulary} columns, {@code losses[n] = logSumExp(logits[n]) −
   * logits[n][targets[n]]} (0 where ignored), {@code dLogits = (softmax − onehot) · lossScale /
   * targetCount} (see {@link StepInputs}; times the dynamic scale of {@link
   * StepControl#scaleLoss}). Adds Σ losses to the step's loss. With both gradients null it computes
   * the loss only.
   *
   * @param x (N, C)
   * @param weight (V', C): token embedding layout; rows from {@code vocabulary} on are padding
   * @param targets (N) ids, or {@link #IGNORED_TARGET}
   * @param vocabulary V
   * @param losses (N)
   * @param dXOrNull (N, C); null exactly if {@code dWeightOrNull} is
   * @param dWeightOrNull (V', C); padding rows receive 0 (or stay, accumulating)
   * @param workspace at least {@link #headCrossEntropyWorkspace} bytes; its size sets the rows a
   *     chunk
   */
  void headCrossEntropy(
      Tensor x,
      Tensor weight,
      Tensor targets,
      int vocabulary,
      Tensor losses,
      Tensor dXOrNull,
      Tensor dWeightOrNull,
      boolean accumulate,
      Tensor workspace);

  /**
   * Scratch of {@link #headCrossEntropy} in bytes, for as many rows a chunk as fit.
   *
   * @param rows N
   * @param budget most bytes wanted; at least one row's worth is returned all the same
   */
  long headCrossEntropyWorkspace(long rows, int width, int paddedVocabulary, long budget);

  /**
   * Output head alone, for generation: {@code logits = x · weightᵀ}.
   *
   * @param x (N, C)
   * @param weight (V', C)
   * @param logits (N, V) F32 with V ≤ V': the first V columns
   */
  void headLogits(Tensor x, Tensor weight, Tensor logits);

  // ---- optimizer ----------------------------------------------------------------------------

  /**
   * L2 norm over all gradients, accumulated in more than fp32's precision; leaves norm, clip
   * factor, skip flag and the next dynamic loss scale in the {@link StepControl}.
   */
  void globalGradientNorm(OptimizerState state);

  /**
   * One AdamW update of all parameters (Loshchilov and Hutter, 2019, as PyTorch's {@code
   * torch.optim.AdamW}): with {@code g = gradient · clipFactor / lossScale} and t the update count,
   * {@code w ← w(1 − lr·λ)} where the range decays, {@code m ← β₁m + (1−β₁)g}, {@code v ← β₂v +
   * (1−β₂)g²}, {@code w ← w − lr/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)}. Writes nothing, and does not
   * count, when the step's skip flag is set.
   */
  void adamW(OptimizerState state, AdamWSettings settings);

  /**
   * Rounds as {@link #adamW} with {@link AdamWSettings#stochasticRounding} left the weights to
   * compute with after an update: for restoring a run. Never part of a step. Element i becomes
   * {@link BFloat16#roundByChance} of it by 16-bit lane {@code i % 8} of the {@link Philox} block
   * of index {@code i / 8}, step word = {@code updates}, {@link
   * Philox#PURPOSE_STOCHASTIC_ROUNDING}.
   *
   * @param from (P) F32
   * @param to (P) BF16
   * @param seed the run's, {@link StepInputs#seed}
   * @param updates count of updates made
   */
  void roundStochastically(Tensor from, Tensor to, long seed, long updates);

  // ---- plumbing -----------------------------------------------------------------------------

  /** Converts between float dtypes, rounding to nearest even; same count. */
  void cast(Tensor from, Tensor to);

  /** Sets every element of a float tensor. */
  void fill(Tensor tensor, float value);

  /** Copies between tensors of the same dtype and count. */
  void copy(Tensor from, Tensor to);
}
