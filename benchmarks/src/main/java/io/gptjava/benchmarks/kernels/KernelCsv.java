package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;

/**
 * Results as CSV (RFC 4180), a row an op and shape: times in microseconds, rates in units of 10⁹
 * bytes and 10¹² FLOP a second, spread and share as fractions.
 */
public final class KernelCsv {
  private static final double MICRO = 1e3;
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;
  private static final String HEADER =
      "group,op,operands,precision,B,T,C,heads,layers,vocabulary,calls,min_us,median_us,p95_us,spread,"
          + "bytes,flops,gbps,tflops,ceiling,ceiling_gbps,ceiling_tflops,share,timed_by";

  private KernelCsv() {}

  /** All ops of some results under one header. */
  public static String of(List<KernelBenchmarkResult> results) {
    StringBuilder text = new StringBuilder(HEADER).append("\r\n");
    for (KernelBenchmarkResult result : results) {
      for (KernelTime kernel : result.kernels()) {
        text.append(row(result, kernel)).append("\r\n");
      }
    }
    return text.toString();
  }

  private static String row(KernelBenchmarkResult result, KernelTime kernel) {
    KernelShapes shapes = result.settings().shapes();
    Ceilings best = result.best();
    StringJoiner row = new StringJoiner(",");
    row.add(quoted(kernel.family())).add(quoted(kernel.op())).add(quoted(kernel.operands()));
    row.add(result.settings().precision().name().toLowerCase(Locale.ROOT));
    row.add("" + shapes.batch()).add("" + shapes.sequence()).add("" + shapes.width());
    row.add("" + shapes.model().heads()).add("" + shapes.model().layers());
    row.add("" + shapes.model().vocabularySize()).add("" + kernel.calls());
    row.add(number(kernel.timing().min() * MICRO));
    row.add(number(kernel.timing().median() * MICRO));
    row.add(number(kernel.timing().p95() * MICRO));
    row.add(number(kernel.timing().spread()));
    row.add(String.format(Locale.ROOT, "%.0f", kernel.cost().bytes()));
    row.add(String.format(Locale.ROOT, "%.0f", kernel.cost().flops()));
    row.add(number(kernel.bytesPerSecond() / GIGA)).add(number(kernel.flopsPerSecond() / TERA));
    row.add(kernel.memoryBound(best) ? "memory" : "matmul");
    row.add(number(best.bytesPerSecond() / GIGA)).add(number(best.flopsPerSecond() / TERA));
    row.add(number(kernel.share(best)));
    return row.add(result.emulated() ? "host emulator: no timing" : result.method()).toString();
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.6g", value);
  }

  private static String quoted(String text) {
    return text.matches("[^\",\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
  }
}
