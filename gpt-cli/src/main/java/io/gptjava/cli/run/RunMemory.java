package io.gptjava.cli.run;

import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.MemoryForecast;
import io.gptjava.train.run.MemoryLedger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** What a training run will allocate, before it does, and what the machine can give. */
public final class RunMemory {
  private static final double GIB = 1L << 30;

  /**
   * What the program itself keeps in the host's memory: heap, code, tokenizer, charts. Measured as
   * peak resident memory beyond the plan: 484 MiB at 124M parameters, 450 MiB at 355M, 2 threads.
   */
  private static final long PROGRAM = 480L << 20;

  private RunMemory() {}

  /** All allocations of a run on a backend. */
  public static MemoryLedger ledger(Backend backend, TrainConfig config) {
    return ledger(backend, ModelSize.of(config));
  }

  /** What a run of this size takes where its backend's tensors live. */
  static MemoryLedger ledger(Backend backend, ModelSize size) {
    MemoryLedger.Builder ledger = MemoryLedger.builder();
    for (MemoryLedger.Entry entry : MemoryForecast.ledger(backend.ops(), size).entries()) {
      ledger.add(entry.role(), entry.bytes(), entry.detail());
    }
    if (program(backend) > 0) {
      ledger.add("program", program(backend), "heap and code, about");
    }
    return ledger.build();
  }

  /** Bytes of the program itself beside the tensors; none where these are on a device. */
  static long program(Backend backend) {
    return backend.availableBytes().isPresent() ? 0 : PROGRAM;
  }

  /** Bytes available where the backend's tensors live; empty where nobody tells. */
  public static OptionalLong available(Backend backend) {
    OptionalLong device = backend.availableBytes();
    return device.isPresent() ? device : SystemMemory.availableBytes();
  }

  /**
   * Refuses a run that cannot fit.
   *
   * @throws GptException with {@link Failure#CAPACITY}, naming the nearest settings that fit
   */
  public static void require(Backend backend, ResolvedSettings settings, TrainConfig config) {
    long available = available(backend).orElse(Long.MAX_VALUE);
    require(backend, settings, config, available);
  }

  /** {@link #require(Backend, ResolvedSettings, TrainConfig)} for a given number of bytes. */
  static void require(
      Backend backend, ResolvedSettings settings, TrainConfig config, long available) {
    long needed = ledger(backend, config).totalBytes();
    if (needed > available) {
      String advice = new MemoryAdvice(backend, settings, config, available).text();
      throw tooMuch(needed, available, advice);
    }
  }

  /**
   * Refuses a benchmark that cannot fit; it knows no accumulation.
   *
   * @throws GptException with {@link Failure#CAPACITY}
   */
  public static void requireForBenchmark(Backend backend, TrainConfig config) {
    ModelSize size = ModelSize.of(config);
    long available = available(backend).orElse(Long.MAX_VALUE);
    long needed = ledger(backend, size).totalBytes();
    if (needed > available) {
      OptionalInt most = largestBatch(backend, size, available);
      String advice =
          most.isPresent()
              ? "it fits with --batch-size " + most.getAsInt()
              : "not even --batch-size 1 fits; lower --sequence-length or use a smaller --preset";
      throw tooMuch(needed, available, advice);
    }
  }

  private static GptException tooMuch(long needed, long available, String advice) {
    return new GptException(
        Failure.CAPACITY,
        "This run needs %s of memory and %s are available\n%s"
            .formatted(gib(needed), gib(available), advice));
  }

  /** The largest micro-batch that fits into so many bytes beside the program. */
  static OptionalInt largestBatch(Backend backend, ModelSize size, long capacity) {
    return MemoryForecast.largestBatch(backend.ops(), size, capacity - program(backend));
  }

  /** Bytes as people read them. */
  static String gib(long bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", bytes / GIB);
  }

  /**
   * One line: the largest micro-batch of each mode of recomputation that fits. Ends in a newline.
   */
  public static String largestBatches(Backend backend, ModelSize size, long capacity) {
    List<String> fits = new ArrayList<>();
    for (Recompute recompute : Recompute.values()) {
      OptionalInt most = largestBatch(backend, size.withRecompute(recompute), capacity);
      fits.add(
          "%s with --recompute %s"
              .formatted(
                  most.isPresent() ? most.getAsInt() : "none",
                  recompute.name().toLowerCase(Locale.ROOT)));
    }
    return "%s available; largest --batch-size of %d tokens each that fits: %s%n"
        .formatted(gib(capacity), size.sequence(), String.join(", ", fits));
  }
}
