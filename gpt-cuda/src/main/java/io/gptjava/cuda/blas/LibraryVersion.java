package io.gptjava.cuda.blas;

/** Versions as cuBLAS numbers them: 10000 · major + 100 · minor + patch. */
final class LibraryVersion {
  private LibraryVersion() {}

  /** Such as 12.6.4. */
  static String of(long number) {
    return "%d.%d.%d".formatted(number / 10_000, number / 100 % 100, number % 100);
  }
}
