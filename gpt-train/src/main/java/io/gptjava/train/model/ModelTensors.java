package io.gptjava.train.model;

import io.gptjava.core.Tensor;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors of a model as views on one flat buffer: its weights or, on another buffer of the same
 * layout, their gradients.
 *
 * @param flat the whole buffer (P)
 * @param wte token embedding (V', C)
 * @param wpe position embedding (context, C)
 * @param blocks transformer blocks, first to last
 * @param finalGamma scale of the last layer normalisation (C)
 * @param finalBeta shift of the last layer normalisation (C)
 * @param head output head (V', C); {@code wte} itself when tied
 */
public record ModelTensors(
    Tensor flat,
    Tensor wte,
    Tensor wpe,
    List<Block> blocks,
    Tensor finalGamma,
    Tensor finalBeta,
    Tensor head) {

  /**
   * One transformer block.
   *
   * @param gamma1 (C) scale of the normalisation before attention
   * @param beta1 (C)
   * @param qkvWeight (C, 3C)
   * @param qkvBiasOrNull (3C)
   * @param projectionWeight (C, C)
   * @param projectionBias (C)
   * @param gamma2 (C) scale of the normalisation before the MLP
   * @param beta2 (C)
   * @param fcWeight (C, 4C)
   * @param fcBias (4C)
   * @param outWeight (4C, C)
   * @param outBias (C)
   */
  public record Block(
      Tensor gamma1,
      Tensor beta1,
      Tensor qkvWeight,
      Tensor qkvBiasOrNull,
      Tensor projectionWeight,
      Tensor projectionBias,
      Tensor gamma2,
      Tensor beta2,
      Tensor fcWeight,
      Tensor fcBias,
      Tensor outWeight,
      Tensor outBias) {}

  /** Views of the layout's parameters on {@code flat}. */
  public static ModelTensors of(ParameterLayout layout, Tensor flat) {
    Map<String, Tensor> views = new HashMap<>();
    for (Parameter parameter : layout.parameters()) {
      views.put(parameter.name(), view(flat, parameter));
    }
    List<Block> blocks = new ArrayList<>();
    for (int layer = 0; layer < layout.config().layers(); layer++) {
      String at = "transformer.h." + layer + ".";
      blocks.add(
          new Block(
              views.get(at + "ln_1.weight"),
              views.get(at + "ln_1.bias"),
              views.get(at + "attn.c_attn.weight"),
              views.get(at + "attn.c_attn.bias"),
              views.get(at + "attn.c_proj.weight"),
              views.get(at + "attn.c_proj.bias"),
              views.get(at + "ln_2.weight"),
              views.get(at + "ln_2.bias"),
              views.get(at + "mlp.c_fc.weight"),
              views.get(at + "mlp.c_fc.bias"),
              views.get(at + "mlp.c_proj.weight"),
              views.get(at + "mlp.c_proj.bias")));
    }
    Tensor wte = views.get("transformer.wte.weight");
    return new ModelTensors(
        flat,
        wte,
        views.get("transformer.wpe.weight"),
        List.copyOf(blocks),
        views.get("transformer.ln_f.weight"),
        views.get("transformer.ln_f.bias"),
        views.getOrDefault("lm_head.weight", wte));
  }

  /** The view of one parameter on a flat buffer, vocabulary padding included. */
  public static Tensor view(Tensor flat, Parameter parameter) {
    long[] shape = parameter.shape().stream().mapToLong(Long::longValue).toArray();
    long offset = flat.byteOffset() + parameter.offset() * flat.dtype().bytes();
    return Tensor.of(flat.memory(), offset, flat.dtype(), shape);
  }
}
