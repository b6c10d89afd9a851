package io.gptjava.train.model;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.MemoryPlan.Slot;
import java.util.Optional;

/**
 * All tensors of one model, in one allocation per role.
 *
 * @param allocation what they are views on
 * @param masters (P) F32 weights that the optimizer updates and files hold
 * @param weights that the ops compute with: views on the masters, or on a rounded copy of them
 * @param activations of a pass
 * @param workspace scratch of the op that needs the most
 * @param training what only training needs
 */
record ModelMemory(
    MemoryPlan.Allocation allocation,
    Tensor masters,
    ModelTensors weights,
    Activations<Tensor> activations,
    Tensor workspace,
    Optional<Training> training) {
  /** Most bytes that the logits of one chunk of rows may take. */
  private static final long LOGITS_BUDGET = 128L << 20;

  /**
   * What only training needs.
   *
   * @param gradients of the weights
   * @param firstMoment (P)
   * @param secondMoment (P)
   * @param dResidual (N, C) gradient of the residual stream
   * @param dBranch (N, C) gradient of a branch's output
   * @param dNorm (N, C) gradient of a normalisation's output
   * @param dWide (N, 4C) gradient inside the MLP; on the memory of the blocks' GELU output where
   *     they share one
   * @param dQkv (N, 3C) on the same memory: the two are never alive together
   */
  record Training(
      ModelTensors gradients,
      Tensor firstMoment,
      Tensor secondMoment,
      Tensor dResidual,
      Tensor dBranch,
      Tensor dNorm,
      Tensor dWide,
      Tensor dQkv) {}

  /** The tensors before their memory exists. */
  private record Slots(
      Slot masters,
      Slot weights,
      Slot gradients,
      Slot firstMoment,
      Slot secondMoment,
      Activations<Slot> activations,
      Slot dResidual,
      Slot dBranch,
      Slot dNorm,
      Slot dWide,
      Slot workspace) {}

  /** What training needs; throws if the model was made for inference. */
  Training forTraining() {
    return training.orElseThrow(() -> new IllegalStateException("model was made for inference"));
  }

  /** Counts the memory without allocating it. */
  static MemoryPlan plan(Ops ops, ModelSize size) {
    MemoryPlan plan = new MemoryPlan();
    plan(plan, ops, new ParameterLayout(size.config()), size);
    return plan;
  }

  /** Allocates the memory; it belongs to the backend. */
  static ModelMemory allocate(Backend backend, ParameterLayout layout, ModelSize size) {
    MemoryPlan plan = new MemoryPlan();
    Slots slots = plan(plan, backend.ops(), layout, size);
    MemoryPlan.Allocation allocation = plan.allocate(backend);
    return new ModelMemory(
        allocation,
        allocation.tensor(slots.masters),
        ModelTensors.of(layout, allocation.tensor(slots.weights)),
        Activations.bind(slots.activations, allocation),
        allocation.tensor(slots.workspace),
        size.train() ? Optional.of(bind(slots, allocation, layout, size)) : Optional.empty());
  }

  private static Slots plan(MemoryPlan plan, Ops ops, ParameterLayout layout, ModelSize size) {
    GptConfig config = size.config();
    DType type = size.precision().compute();
    long n = size.rows();
    long c = config.width();
    long p = layout.size();
    Slot masters = plan.floats(Role.PARAMETERS, "weights", p);
    Slot weights =
        type == DType.F32 ? masters : plan.add(Role.PARAMETERS, "weights, " + type, type, p);
    Slot gradients = null;
    Slot firstMoment = null;
    Slot secondMoment = null;
    Slot dResidual = null;
    Slot dBranch = null;
    Slot dNorm = null;
    Slot dWide = null;
    if (size.train()) {
      Role role = Role.ACTIVATIONS;
      gradients = plan.floats(Role.GRADIENTS, "gradients", p);
      firstMoment = plan.floats(Role.OPTIMIZER, "first moment", p);
      secondMoment = plan.floats(Role.OPTIMIZER, "second moment", p);
      dResidual = plan.add(role, "gradient of residual", type, n, c);
      dBranch = plan.add(role, "gradient of branch", type, n, c);
      dNorm = plan.add(role, "gradient of norm", type, n, c);
    }
    Activations<Slot> activations = Activations.plan(plan, size);
    if (size.train()) {
      // The one GELU output that all blocks share is read last just before this is written.
      dWide =
          size.recompute() == Recompute.NONE
              ? plan.add(Role.ACTIVATIONS, "gradient of mlp.fc / qkv", type, n, 4 * c)
              : activations.layers().getFirst().activation();
    }
    Slot workspace = plan.add(Role.WORKSPACE, "workspace", DType.U8, workspace(ops, size));
    return new Slots(
        masters,
        weights,
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

  private static long workspace(Ops ops, ModelSize size) {
    GptConfig config = size.config();
    int width = config.width();
    long most =
        ops.headCrossEntropyWorkspace(
            size.rows(), width, config.paddedVocabularySize(), LOGITS_BUDGET);
    if (size.train()) {
      most = Math.max(most, ops.embeddingBackwardWorkspace(size.batch(), size.sequence(), width));
      most = Math.max(most, ops.layerNormBackwardWorkspace(size.rows(), width));
      most =
          Math.max(
              most,
              ops.attentionBackwardWorkspace(size.batch(), size.sequence(), width, config.heads()));
    }
    return most;
  }

  private static Training bind(
      Slots slots, MemoryPlan.Allocation allocation, ParameterLayout layout, ModelSize size) {
    Tensor dWide = allocation.tensor(slots.dWide);
    return new Training(
        ModelTensors.of(layout, allocation.tensor(slots.gradients)),
        allocation.tensor(slots.firstMoment),
        allocation.tensor(slots.secondMoment),
        allocation.tensor(slots.dResidual),
        allocation.tensor(slots.dBranch),
        allocation.tensor(slots.dNorm),
        dWide,
        dWide.prefix(size.rows(), 3L * size.config().width()));
  }
}
