package io.gptjava.train.run;

import io.gptjava.core.DType;
import io.gptjava.core.Ops;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.MemoryPlan;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.ModelSize;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * What a run will allocate on a backend, from its configuration alone: the model's memory and that
 * of the {@link Decoder} that writes its samples.
 */
public final class MemoryForecast {
  private MemoryForecast() {}

  /** Every allocation of a run. */
  public static MemoryLedger ledger(Ops ops, ModelSize size) {
    MemoryPlan plan = GptModel.plan(ops, size);
    MemoryLedger.Builder ledger = MemoryLedger.builder();
    for (Role role : Role.values()) {
      if (plan.bytes(role) > 0) {
        ledger.add(MemoryPlan.name(role), plan.bytes(role), detail(role, size));
      }
    }
    MemoryPlan sampling = Decoder.plan(size.config(), size.precision().compute());
    return ledger
        .add("sampling", sampling.totalBytes(), "keys, values and rows of the generator")
        .build();
  }

  /** Bytes of all allocations of a run. */
  public static long bytes(Ops ops, ModelSize size) {
    return ledger(ops, size).totalBytes();
  }

  private static String detail(Role role, ModelSize size) {
    DType compute = size.precision().compute();
    String type = compute.name().toLowerCase(Locale.ROOT);
    return switch (role) {
      case PARAMETERS ->
          compute == DType.F32
              ? "fp32, one per parameter"
              : "fp32 and %s, one of each per parameter".formatted(type);
      case GRADIENTS -> "fp32, one per parameter";
      case OPTIMIZER -> "fp32, two per parameter";
      case ACTIVATIONS ->
          "%d × %d tokens%s"
              .formatted(
                  size.batch(),
                  size.sequence(),
                  size.recompute() == Recompute.NONE
                      ? ""
                      : ", recomputing " + size.recompute().name().toLowerCase(Locale.ROOT));
      default -> "";
    };
  }

  /**
   * The largest micro-batch with which a run stays within a number of bytes, all else being equal;
   * empty if a single sequence is too much.
   */
  public static OptionalInt largestBatch(Ops ops, ModelSize size, long capacity) {
    int most = Integer.MAX_VALUE / size.sequence(); // rows are counted in an int
    if (bytes(ops, size.withBatch(1)) > capacity) {
      return OptionalInt.empty();
    }
    int fits = 1;
    int exceeds = 2;
    while (exceeds <= most / 2 && bytes(ops, size.withBatch(exceeds)) <= capacity) {
      fits = exceeds;
      exceeds *= 2;
    }
    while (exceeds - fits > 1) {
      int middle = (fits + exceeds) >>> 1;
      if (bytes(ops, size.withBatch(middle)) <= capacity) {
        fits = middle;
      } else {
        exceeds = middle;
      }
    }
    return OptionalInt.of(fits);
  }
}
