package io.gptjava.benchmarks;

import io.gptjava.core.Backend;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Times the ops of some steps of a training run: three once ten have been done, or the last ones of
 * a shorter run. It is the run's backend and one of its listeners.
 */
public final class TrainingProfiler implements TrainingListener, AutoCloseable {
  private static final long WARM_UP = 10;
  private static final long STEPS = 3;

  private final ProfiledBackend backend;
  private final List<Double> milliseconds = new ArrayList<>();
  private long first;
  private long last; // exclusive
  private boolean profiling;

  /** Profiles a run on a backend, which stays open when this is closed. */
  public TrainingProfiler(Backend backend) {
    this.backend = new ProfiledBackend(backend);
  }

  /** What the run is to use as its backend. */
  public Backend backend() {
    return backend;
  }

  @Override
  public void on(TrainingEvent event) {
    switch (event) {
      case TrainingEvent.Started started -> {
        long done = Math.max(0, started.resumedFrom());
        long left = started.totalSteps() - done;
        long steps = Math.min(STEPS, left);
        first = done + Math.min(WARM_UP, left - steps);
        last = first + steps;
        next(done);
      }
      case TrainingEvent.Step step -> {
        if (profiling) {
          milliseconds.add(backend.end().milliseconds());
        }
        next(step.step() + 1);
      }
      default -> {
        if (profiling) {
          backend.begin(); // without the ops of an evaluation or sample
        }
      }
    }
  }

  private void next(long step) {
    profiling = step >= first && step < last;
    if (profiling) {
      backend.begin();
    }
  }

  /** The last step that was timed; empty if none was. */
  public Optional<StepTimeline> timeline() {
    return Optional.ofNullable(backend.timeline());
  }

  /** Where the time of the timed steps went, for people; empty if none was timed. */
  public String table() {
    if (milliseconds.isEmpty()) {
      return "";
    }
    double median = Timing.of(milliseconds).median();
    return OpTable.text(backend.results(), median)
        + String.format(
            Locale.ROOT,
            "step by %s %.3f ms, median of %d%n",
            backend.timeline().method(),
            median,
            milliseconds.size())
        + (Emulator.runs(backend.description()) ? Emulator.CAUTION + "\n" : "");
  }

  @Override
  public void close() {
    backend.close();
  }
}
