package io.gptjava.cli.run;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.MemoryPlan;
import io.gptjava.train.run.MemoryLedger;
import java.util.Locale;

/** What a training run will allocate, before it does. */
public final class RunMemory {
  private RunMemory() {}

  /** All allocations of a run on a backend. */
  public static MemoryLedger ledger(Backend backend, TrainConfig config) {
    BatchConfig batch = config.batch();
    GptConfig model = config.model();
    MemoryPlan plan =
        GptModel.plan(
            backend.ops(),
            model,
            config.precision(),
            batch.batchSize(),
            batch.sequenceLength(),
            true);
    MemoryLedger.Builder ledger = MemoryLedger.builder();
    for (MemoryPlan.Role role : MemoryPlan.Role.values()) {
      if (plan.bytes(role) > 0) {
        ledger.add(MemoryPlan.name(role), plan.bytes(role), detail(role, config));
      }
    }
    int bytes = config.precision().compute().bytes();
    long cache = 2L * model.layers() * model.contextLength() * model.width() * bytes;
    return ledger.add("cache", cache, "keys and values, for samples").build();
  }

  private static String detail(MemoryPlan.Role role, TrainConfig config) {
    BatchConfig batch = config.batch();
    DType compute = config.precision().compute();
    return switch (role) {
      case PARAMETERS ->
          compute == DType.F32
              ? "fp32, one per parameter"
              : "fp32 and %s, one of each per parameter"
                  .formatted(compute.name().toLowerCase(Locale.ROOT));
      case GRADIENTS -> "fp32, one per parameter";
      case OPTIMIZER -> "fp32, two per parameter";
      case ACTIVATIONS -> "%d × %d tokens".formatted(batch.batchSize(), batch.sequenceLength());
      default -> "";
    };
  }
}
