package io.gptjava.train.model;

import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.MemoryPlan.Allocation;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.MemoryPlan.Slot;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * What a forward pass over (B, T) tokens writes: as {@link Slot}s while planning, as {@link
 * Tensor}s afterwards. N = B·T rows. Activations have the model's compute type.
 *
 * @param tokens (B, T) I32
 * @param targets (N) I32
 * @param layers one entry per block; without training all entries are the same
 * @param branch (N, C) output of attention or MLP before it joins the residual stream
 * @param finalResidual (N, C) residual stream after the last block
 * @param finalNorm (N, C)
 * @param finalMean (N)
 * @param finalRstd (N)
 * @param losses (N) cross-entropy of each target
 */
record Activations<X>(
    X tokens,
    X targets,
    List<Layer<X>> layers,
    X branch,
    X finalResidual,
    X finalNorm,
    X finalMean,
    X finalRstd,
    X losses) {

  /**
   * One block.
   *
   * @param residual (N, C) residual stream that enters the block
   * @param norm1 (N, C)
   * @param mean1 (N)
   * @param rstd1 (N)
   * @param qkv (N, 3C)
   * @param attention (N, C)
   * @param logSumExp (B, NH, T)
   * @param middle (N, C) residual stream between attention and MLP
   * @param norm2 (N, C)
   * @param mean2 (N)
   * @param rstd2 (N)
   * @param preActivation (N, 4C)
   * @param activation (N, 4C) GELU of it
   */
  record Layer<X>(
      X residual,
      X norm1,
      X mean1,
      X rstd1,
      X qkv,
      X attention,
      X logSumExp,
      X middle,
      X norm2,
      X mean2,
      X rstd2,
      X preActivation,
      X activation) {
    <Y> Layer<Y> map(Function<X, Y> f) {
      return new Layer<>(
          f.apply(residual),
          f.apply(norm1),
          f.apply(mean1),
          f.apply(rstd1),
          f.apply(qkv),
          f.apply(attention),
          f.apply(logSumExp),
          f.apply(middle),
          f.apply(norm2),
          f.apply(mean2),
          f.apply(rstd2),
          f.apply(preActivation),
          f.apply(activation));
    }
  }

  /**
   * Plans the tensors of a pass.
   *
   * @param type of the activations; statistics and losses are F32
   * @param training whether every block keeps its own for backward
   */
  static Activations<Slot> plan(
      MemoryPlan plan, GptConfig config, DType type, int batch, int sequence, boolean training) {
    long n = (long) batch * sequence;
    long c = config.width();
    Role role = Role.ACTIVATIONS;
    Slot tokens = plan.add(role, "tokens", DType.I32, batch, sequence);
    Slot targets = plan.add(role, "targets", DType.I32, n);
    List<Layer<Slot>> layers = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      layers.add(
          training || i == 0
              ? planLayer(plan, config, type, batch, sequence, "h." + i + ".")
              : layers.getFirst());
    }
    return new Activations<>(
        tokens,
        targets,
        List.copyOf(layers),
        plan.add(role, "branch", type, n, c),
        training ? plan.add(role, "residual", type, n, c) : layers.getFirst().residual(),
        plan.add(role, "ln_f", type, n, c),
        plan.floats(role, "ln_f.mean", n),
        plan.floats(role, "ln_f.rstd", n),
        plan.floats(role, "losses", n));
  }

  private static Layer<Slot> planLayer(
      MemoryPlan plan, GptConfig config, DType type, int batch, int sequence, String at) {
    long n = (long) batch * sequence;
    long c = config.width();
    Role role = Role.ACTIVATIONS;
    return new Layer<>(
        plan.add(role, at + "residual", type, n, c),
        plan.add(role, at + "ln_1", type, n, c),
        plan.floats(role, at + "ln_1.mean", n),
        plan.floats(role, at + "ln_1.rstd", n),
        plan.add(role, at + "attn.qkv", type, n, 3 * c),
        plan.add(role, at + "attn", type, n, c),
        plan.floats(role, at + "attn.log_sum_exp", batch, config.heads(), sequence),
        plan.add(role, at + "attn.residual", type, n, c),
        plan.add(role, at + "ln_2", type, n, c),
        plan.floats(role, at + "ln_2.mean", n),
        plan.floats(role, at + "ln_2.rstd", n),
        plan.add(role, at + "mlp.fc", type, n, 4 * c),
        plan.add(role, at + "mlp.gelu", type, n, 4 * c));
  }

  static Activations<Tensor> bind(Activations<Slot> slots, Allocation allocation) {
    Function<Slot, Tensor> f = allocation::tensor;
    return new Activations<>(
        f.apply(slots.tokens),
        f.apply(slots.targets),
        slots.layers.stream().map(layer -> layer.map(f)).toList(),
        f.apply(slots.branch),
        f.apply(slots.finalResidual),
        f.apply(slots.finalNorm),
        f.apply(slots.finalMean),
        f.apply(slots.finalRstd),
        f.apply(slots.losses));
  }
}
