package io.gptjava.benchmarks.kernels;

import io.gptjava.core.DType;

/**
 * What keeps the CPU backend's ops below the roofline: shown beside an op that reaches little of
 * it. Each op names its own; here are those that several share.
 */
final class CpuNotes {
  /** Dropout's random numbers. */
  static final String PHILOX = "draws dropout's random numbers, ten rounds of Philox4x32 for eight";

  /** One row of a matrix product. */
  static final String ONE_ROW =
      "one row: every weight is read once and used once, in so few streams a thread that the processor"
          + " fetches them less well ahead than AdamW's";

  /** How bf16 ops are made. */
  private static final String WIDENED =
      "computes in fp32: rows become floats in the cache and are rounded back, which uses up what the"
          + " fewer bytes save";

  private CpuNotes() {}

  /** The note of an op in fp32; in bf16 also how rows are converted. */
  static String of(DType type, String note) {
    return type == DType.F32 ? note : note.isEmpty() ? WIDENED : note + "; " + WIDENED;
  }

  /** The same with {@link #PHILOX} where there is dropout. */
  static String of(KernelShapes shapes, String note) {
    boolean drops = shapes.model().dropout() > 0;
    return of(shapes.type(), drops ? note + (note.isEmpty() ? "" : "; ") + PHILOX : note);
  }
}
