package io.gptjava.train.model;

import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Tensor;
import io.gptjava.train.config.Recompute;
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
 * @param firstVisibleOrNull (B, T) I32, first place that each token sees; null where that is the
 *     first of the row
 * @param layers one entry per block; what blocks do not keep for backward, they share
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
    X firstVisibleOrNull,
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

  /** Plans the tensors of a pass; statistics and losses are F32. */
  static Activations<Slot> plan(MemoryPlan plan, ModelSize size) {
    GptConfig config = size.config();
    DType type = size.precision().compute();
    long n = size.rows();
    long c = config.width();
    Role role = Role.ACTIVATIONS;
    Slot tokens = plan.add(role, "tokens", DType.I32, size.batch(), size.sequence());
    Slot targets = plan.add(role, "targets", DType.I32, n);
    Slot firstVisible =
        size.documentsApart()
            ? plan.add(role, "first visible", DType.I32, size.batch(), size.sequence())
            : null;
    List<Layer<Slot>> layers = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      Layer<Slot> first = i == 0 ? null : layers.getFirst();
      layers.add(planLayer(new Planner(plan, size, i), size, first));
    }
    return new Activations<>(
        tokens,
        targets,
        firstVisible,
        List.copyOf(layers),
        plan.add(role, "branch", type, n, c),
        size.train() ? plan.add(role, "residual", type, n, c) : layers.getFirst().residual(),
        plan.add(role, "ln_f", type, n, c),
        plan.floats(role, "ln_f.mean", n),
        plan.floats(role, "ln_f.rstd", n),
        plan.floats(role, "losses", n));
  }

  /** Plans the tensors of block {@code i}: its own, or those that all blocks share. */
  private record Planner(MemoryPlan plan, ModelSize size, int i) {
    Slot add(boolean own, Slot first, String name, DType type, long... shape) {
      if (!own && first != null) {
        return first;
      }
      String at = own ? "h." + i + "." : MemoryPlan.SHARED;
      return plan.add(Role.ACTIVATIONS, at + name, type, shape);
    }
  }

  private static Layer<Slot> planLayer(Planner planner, ModelSize size, Layer<Slot> first) {
    DType type = size.precision().compute();
    long n = size.rows();
    long c = size.config().width();
    long heads = size.config().heads();
    Recompute recompute = size.recompute();
    boolean input = size.train();
    boolean inner = input && recompute != Recompute.BLOCK;
    boolean gelu = input && recompute == Recompute.NONE;
    Function<Function<Layer<Slot>, Slot>, Slot> f = of -> first == null ? null : of.apply(first);
    return new Layer<>(
        planner.add(input, f.apply(Layer::residual), "residual", type, n, c),
        planner.add(inner, f.apply(Layer::norm1), "ln_1", type, n, c),
        planner.add(inner, f.apply(Layer::mean1), "ln_1.mean", DType.F32, n),
        planner.add(inner, f.apply(Layer::rstd1), "ln_1.rstd", DType.F32, n),
        planner.add(inner, f.apply(Layer::qkv), "attn.qkv", type, n, 3 * c),
        planner.add(inner, f.apply(Layer::attention), "attn", type, n, c),
        planner.add(
            inner,
            f.apply(Layer::logSumExp),
            "attn.log_sum_exp",
            DType.F32,
            size.batch(),
            heads,
            size.sequence()),
        planner.add(inner, f.apply(Layer::middle), "attn.residual", type, n, c),
        planner.add(inner, f.apply(Layer::norm2), "ln_2", type, n, c),
        planner.add(inner, f.apply(Layer::mean2), "ln_2.mean", DType.F32, n),
        planner.add(inner, f.apply(Layer::rstd2), "ln_2.rstd", DType.F32, n),
        planner.add(inner, f.apply(Layer::preActivation), "mlp.fc", type, n, 4 * c),
        planner.add(gelu, f.apply(Layer::activation), "mlp.gelu", type, n, 4 * c));
  }

  static Activations<Tensor> bind(Activations<Slot> slots, Allocation allocation) {
    Function<Slot, Tensor> f = allocation::tensor;
    return new Activations<>(
        f.apply(slots.tokens),
        f.apply(slots.targets),
        slots.firstVisibleOrNull == null ? null : f.apply(slots.firstVisibleOrNull),
        slots.layers.stream().map(layer -> layer.map(f)).toList(),
        f.apply(slots.branch),
        f.apply(slots.finalResidual),
        f.apply(slots.finalNorm),
        f.apply(slots.finalMean),
        f.apply(slots.finalRstd),
        f.apply(slots.losses));
  }
}
