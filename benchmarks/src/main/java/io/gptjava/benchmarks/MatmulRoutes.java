package io.gptjava.benchmarks;

import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.HostMemory;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import io.gptjava.cpu.CpuBackend;
import io.gptjava.cpu.WorkerPool;
import io.gptjava.cpu.onednn.OneDnnApi;
import io.gptjava.cpu.onednn.OneDnnProduct;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Times the CPU's ways to compute a training step's matrix products, each product by each route in
 * turn, so that a busy neighbour slows all alike: fp32 by this program's own product and by oneDNN,
 * both through the backend's ops, and bf16 factors with an fp32 output by oneDNN. Weights of one
 * block only: what fits the last-level cache stays there. The head's products run over the padded
 * vocabulary, its gradients as the linear ops of the same shape.
 */
public final class MatmulRoutes implements AutoCloseable {
  /** A product is repeated for at least this long a sample, in milliseconds. */
  private static final double SAMPLE_MS = 15;

  private static final int WARMUP_ROUNDS = 4;

  private final HostMemory memory = new HostMemory();
  private final CpuBackend vector;
  private final Optional<CpuBackend> oneDnn;
  private final WorkerPool pool;
  private final Optional<OneDnnProduct> product;
  private final List<Case> cases = new ArrayList<>();

  /**
   * A product by one route.
   *
   * @param route such as {@code fp32 onednn}
   * @param milliseconds median of one call
   * @param gflops useful work a second: vocabulary padding not counted
   */
  public record Rate(StepMatmul matmul, String route, double milliseconds, double gflops) {}

  private record Case(StepMatmul matmul, String route, Runnable run, List<Double> samples) {}

  /**
   * Prepares the products.
   *
   * @param threads of each route
   * @param api oneDNN; without it only this program's own product is timed
   */
  public MatmulRoutes(GptConfig model, int rows, int threads, Optional<OneDnnApi> api) {
    vector = new CpuBackend(threads);
    oneDnn = api.map(library -> new CpuBackend(threads, library));
    pool = new WorkerPool(threads);
    product = api.map(library -> new OneDnnProduct(library, pool));
    int width = model.width();
    int padded = model.paddedVocabularySize();
    MemorySegment x = random(4L * rows * width, 1);
    MemorySegment y = random((long) rows * padded, 2);
    MemorySegment w = random((long) padded * width, 3);
    // Outputs have memory of their own: written over inputs, they would grow without bounds.
    long largest = (long) padded * Math.max(rows, width);
    MemorySegment out = memory.allocate("benchmark", largest * Float.BYTES).segment();
    Factors floats = new Factors(x, y, w);
    Factors halves = new Factors(halves(x), halves(y), halves(w));
    for (StepMatmul m : StepMatmul.of(model, rows)) {
      boolean head = m.layer().equals(StepMatmul.HEAD);
      int outputs = head ? padded : m.outputs();
      add(m, "fp32 vector", ops(vector.ops(), m, outputs, floats, out));
      oneDnn.ifPresent(b -> add(m, "fp32 onednn", ops(b.ops(), m, outputs, floats, out)));
      product.ifPresent(p -> add(m, "bf16 onednn", bf16(p, m, outputs, halves, out)));
    }
  }

  /** Activations x (rows, inputs) and y (rows, outputs), and weights. */
  private record Factors(MemorySegment x, MemorySegment y, MemorySegment w) {}

  private void add(StepMatmul m, String route, Runnable run) {
    cases.add(new Case(m, route, run, new ArrayList<>()));
  }

  private static Runnable ops(Ops ops, StepMatmul m, int outputs, Factors in, MemorySegment out) {
    boolean head = m.layer().equals(StepMatmul.HEAD);
    int inputs = m.inputs();
    Tensor x = tensor(in.x, m.rows(), inputs);
    Tensor y = tensor(in.y, m.rows(), outputs);
    // The head's weight lies transposed, (V, C).
    Tensor w = head ? tensor(in.w, outputs, inputs) : tensor(in.w, inputs, outputs);
    Tensor newX = tensor(out, m.rows(), inputs);
    Tensor newY = tensor(out, m.rows(), outputs);
    Tensor dW = head ? tensor(out, outputs, inputs) : tensor(out, inputs, outputs);
    return switch (m.pass()) {
      case FORWARD -> head ? () -> ops.headLogits(x, w, newY) : () -> ops.linear(x, w, null, newY);
      case INPUT_GRADIENT ->
          head
              ? () -> ops.linear(y, w, null, newX)
              : () -> ops.linearBackwardInput(y, w, null, newX);
      case WEIGHT_GRADIENT ->
          head
              ? () -> ops.linearBackwardWeight(y, x, dW, null, false)
              : () -> ops.linearBackwardWeight(x, y, dW, null, false);
    };
  }

  /** The same products with bf16 factors and fp32 outputs. */
  private static Runnable bf16(
      OneDnnProduct p, StepMatmul m, int outputs, Factors in, MemorySegment out) {
    boolean head = m.layer().equals(StepMatmul.HEAD);
    int rows = Math.toIntExact(m.rows());
    int inputs = m.inputs();
    return switch (m.pass()) {
      case FORWARD -> () -> run(p, in.x, inputs, false, in.w, head, rows, outputs, inputs, out);
      case INPUT_GRADIENT ->
          () -> run(p, in.y, outputs, false, in.w, !head, rows, inputs, outputs, out);
      case WEIGHT_GRADIENT ->
          head
              ? () -> run(p, in.y, outputs, true, in.x, false, outputs, inputs, rows, out)
              : () -> run(p, in.x, inputs, true, in.y, false, inputs, outputs, rows, out);
    };
  }

  private static void run(
      OneDnnProduct product,
      MemorySegment a,
      int leadingA,
      boolean transposedA,
      MemorySegment b,
      boolean transposedB,
      int m,
      int n,
      int k,
      MemorySegment out) {
    int leadingB = transposedB ? k : n;
    product.multiply(
        DType.BF16,
        a,
        leadingA,
        transposedA,
        b,
        leadingB,
        transposedB,
        m,
        n,
        k,
        DType.F32,
        out,
        n,
        false,
        null);
  }

  private MemorySegment random(long count, long seed) {
    MemorySegment segment = memory.allocate("benchmark", count * Float.BYTES).segment();
    SplittableRandom random = new SplittableRandom(seed);
    for (long i = 0; i < count; i++) {
      segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat() - 0.5f);
    }
    return segment;
  }

  /** The upper halves of the numbers: cut off, which is as good for timing. */
  private MemorySegment halves(MemorySegment floats) {
    long count = floats.byteSize() / Float.BYTES;
    MemorySegment segment = memory.allocate("benchmark", count * Short.BYTES).segment();
    for (long i = 0; i < count; i++) {
      short half = (short) (floats.getAtIndex(ValueLayout.JAVA_INT, i) >>> Short.SIZE);
      segment.setAtIndex(ValueLayout.JAVA_SHORT, i, half);
    }
    return segment;
  }

  private static Tensor tensor(MemorySegment segment, long rows, long columns) {
    return Tensor.of(new Memory("benchmark", segment, true), 0, DType.F32, rows, columns);
  }

  /** Times every product by every route, so many times in turn. */
  public List<Rate> run(int rounds) {
    for (int round = -WARMUP_ROUNDS; round < rounds; round++) {
      for (Case c : cases) {
        double ms = sample(c.run);
        if (round >= 0) {
          c.samples.add(ms);
        }
      }
    }
    return cases.stream()
        .map(
            c -> {
              double ms = Timing.of(c.samples).median();
              return new Rate(c.matmul, c.route, ms, c.matmul.flops() / (ms * 1e6));
            })
        .toList();
  }

  private static double sample(Runnable run) {
    long begin = System.nanoTime();
    double ms;
    int repetitions = 0;
    do {
      run.run();
      repetitions++;
      ms = (System.nanoTime() - begin) * 1e-6;
    } while (ms < SAMPLE_MS);
    return ms / repetitions;
  }

  /** The rates, a product a line and a route a column, and a whole step's products by each. */
  public static String text(List<Rate> rates) {
    StringBuilder text = new StringBuilder();
    List<String> routes = rates.stream().map(Rate::route).distinct().toList();
    text.append("%-10s %24s".formatted("GFLOP/s", "rows x inputs x outputs"));
    routes.forEach(route -> text.append("%14s".formatted(route)));
    text.append('\n');
    for (StepMatmul m : rates.stream().map(Rate::matmul).distinct().toList()) {
      text.append(
          "%-10s %24s"
              .formatted(m.name(), "%d x %d x %d".formatted(m.rows(), m.inputs(), m.outputs())));
      rates.stream()
          .filter(r -> r.matmul.equals(m))
          .forEach(r -> text.append(String.format(Locale.ROOT, "%14.1f", r.gflops)));
      text.append('\n');
    }
    text.append("%-35s".formatted("all of a step, ms"));
    for (String route : routes) {
      double ms =
          rates.stream()
              .filter(r -> r.route.equals(route))
              .mapToDouble(r -> r.matmul.count() * r.milliseconds)
              .sum();
      text.append(String.format(Locale.ROOT, "%14.1f", ms));
    }
    return text.append('\n').toString();
  }

  @Override
  public void close() {
    product.ifPresent(OneDnnProduct::close);
    pool.close();
    oneDnn.ifPresent(CpuBackend::close);
    vector.close();
    memory.close();
  }
}
