package io.gptjava.benchmarks;

import java.util.regex.Pattern;

/** The host emulator of the CUDA backend, on which times say nothing about a GPU. */
public final class Emulator {
  /** To be shown beside such times. */
  public static final String CAUTION = "on the host emulator: these are no timings of a GPU";

  /** How the description of the backend gives it away. */
  private static final Pattern NAME = Pattern.compile("emulator", Pattern.CASE_INSENSITIVE);

  private Emulator() {}

  /** Whether the backend of a description is the emulator. */
  public static boolean runs(String backend) {
    return NAME.matcher(backend).find();
  }
}
