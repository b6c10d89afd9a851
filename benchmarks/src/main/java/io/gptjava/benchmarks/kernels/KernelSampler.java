package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.JitTime;
import io.gptjava.benchmarks.Timing;
import io.gptjava.core.Backend;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Times one call many times over: batches of back-to-back calls, recorded where the backend records
 * (a CUDA graph, whose replay leaves no gaps between small kernels), until their times settle, and
 * then as many batches as asked for.
 */
final class KernelSampler {
  private static final int MOST_REPETITIONS = 256;
  private static final int MOST_WARMUPS = 10;

  /** Halves of the time to warm up, at most. */
  private static final int MOST_ROUNDS = 12;

  /** Share of the time during which a JVM that has settled compiles at most. */
  private static final double COMPILING = 0.1;

  private final Backend backend;
  private final OpTimer timer;
  private final int samples;
  private final double sampleMilliseconds;
  private final double warmupMilliseconds;

  /**
   * A sampler.
   *
   * @param samples timed batches
   * @param sampleMilliseconds what a batch should take at least
   * @param warmupMilliseconds what calls before the first batch take together at least; 0 for one
   *     call
   */
  KernelSampler(
      Backend backend,
      OpTimer timer,
      int samples,
      double sampleMilliseconds,
      double warmupMilliseconds) {
    this.backend = backend;
    this.timer = timer;
    this.samples = samples;
    this.sampleMilliseconds = sampleMilliseconds;
    this.warmupMilliseconds = warmupMilliseconds;
  }

  /**
   * What was measured.
   *
   * @param repetitions calls in a batch
   * @param timing of one call
   */
  record Sample(int repetitions, Timing timing) {}

  /** Times a call; {@code run} gets 0, 1, 2, … to choose its operands by. */
  Sample sample(IntConsumer run) {
    warmUp(run);
    int repetitions = repetitions(run);
    Runnable batch =
        backend.recording(
            () -> {
              for (int i = 0; i < repetitions; i++) {
                run.accept(i);
              }
            });
    List<Double> warmup = new ArrayList<>();
    while (warmup.size() < MOST_WARMUPS && !Timing.stable(warmup)) {
      warmup.add(timer.milliseconds(batch));
    }
    List<Double> times = new ArrayList<>();
    for (int i = 0; i < samples; i++) {
      times.add(timer.milliseconds(batch) / repetitions);
    }
    return new Sample(repetitions, Timing.of(times));
  }

  /**
   * Calls for as long as asked, and on as long as the JVM still compiles much: the first op of a
   * process waits longest for its turn with the compiler, and until then its times look steady.
   */
  private void warmUp(IntConsumer run) {
    double round = warmupMilliseconds / 2;
    int call = 0;
    for (int rounds = 1; rounds <= MOST_ROUNDS; rounds++) {
      long compiled = JitTime.milliseconds();
      double warmedUp = 0;
      do {
        int index = call++ % MOST_REPETITIONS;
        warmedUp += timer.milliseconds(() -> run.accept(index));
      } while (warmedUp < round);
      if (warmupMilliseconds == 0
          || rounds >= 2 && JitTime.milliseconds() - compiled < COMPILING * warmedUp) {
        return;
      }
    }
  }

  /**
   * Seconds that an op takes to be timed: until it is warm, the batches that find their length (the
   * last of which, made twice, is as long as all before), those until its times settle, and those
   * that count.
   *
   * @param call seconds of one call
   */
  static double seconds(KernelBenchmark.Settings settings, double call) {
    double warm = Math.max(call, settings.warmupMilliseconds() * 1e-3);
    double batch = Math.clamp(settings.sampleMilliseconds() * 1e-3, call, MOST_REPETITIONS * call);
    return warm + (3 + MOST_WARMUPS + settings.samples()) * batch;
  }

  private int repetitions(IntConsumer run) {
    int repetitions = 1;
    while (repetitions < MOST_REPETITIONS) {
      int count = repetitions;
      Runnable batch =
          () -> {
            for (int i = 0; i < count; i++) {
              run.accept(i);
            }
          };
      // Twice: a pause in one of them must not end the search at a batch that is too short.
      if (timer.milliseconds(batch) >= sampleMilliseconds
          && timer.milliseconds(batch) >= sampleMilliseconds) {
        break;
      }
      repetitions *= 2;
    }
    return repetitions;
  }
}
