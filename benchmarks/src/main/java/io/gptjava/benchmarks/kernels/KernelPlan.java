package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.benchmarks.kernels.KernelBenchmark.Settings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.core.Backend;
import java.util.List;

/**
 * What a benchmark of kernels will allocate and how long it will take, before it does.
 *
 * @param groups those of which ops were asked for
 */
record KernelPlan(List<Group> groups) {
  /** What ops are expected to reach of the ceilings: they are mostly above it. */
  private static final double SHARE = 0.5;

  /** Copies the list. */
  KernelPlan {
    groups = List.copyOf(groups);
  }

  /**
   * Ops that share operands.
   *
   * @param bytes that all operands of the group take together
   * @param ops those asked for
   */
  record Group(KernelFamilies.Family family, long bytes, List<Op> ops) {}

  /** An op to time. */
  record Op(String family, String name, OpCost cost) {}

  /**
   * Plans.
   *
   * @param backend asked for the sizes of workspaces; nothing is allocated on it
   */
  static KernelPlan of(Backend backend, Settings settings) {
    return new KernelPlan(
        KernelFamilies.all().stream()
            .map(family -> group(family, backend, settings))
            .filter(group -> !group.ops.isEmpty())
            .toList());
  }

  private static Group group(KernelFamilies.Family family, Backend backend, Settings settings) {
    PlanningBackend planning = new PlanningBackend(backend);
    CaseOperands operands = CaseOperands.planned(planning, settings.rotationBytes());
    List<Op> ops =
        family.cases(planning, operands, settings.shapes()).stream()
            .filter(settings::selects)
            .map(kernel -> new Op(kernel.family(), kernel.name(), kernel.cost()))
            .toList();
    return new Group(family, planning.bytes(), ops);
  }

  /** Seconds that the ops take to be timed, about. */
  double seconds(Settings settings, Ceilings ceilings) {
    return groups.stream()
        .flatMap(group -> group.ops.stream())
        .mapToDouble(
            op -> {
              double call =
                  op.cost.secondsAtLeast(ceilings.flopsPerSecond(), ceilings.bytesPerSecond());
              return KernelSampler.seconds(settings, call / SHARE);
            })
        .sum();
  }
}
