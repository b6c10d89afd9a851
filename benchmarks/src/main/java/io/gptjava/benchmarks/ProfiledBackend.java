package io.gptjava.benchmarks;

import io.gptjava.core.Backend;
import io.gptjava.core.Ops;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;

/**
 * A backend that times every op of chosen steps where it runs, with the caches as the step leaves
 * them; other steps pass straight through. It is not asynchronous, so that a step has ended before
 * the next one begins. Closing it leaves the backend beneath open.
 */
final class ProfiledBackend extends ForwardingBackend {
  private final Ops plain;
  private final Ops profiled;
  private final Map<String, Row> rows = new LinkedHashMap<>();
  private final List<Marked> marked = new ArrayList<>();
  private final StepClock clock;
  private StepTimeline timeline;
  private boolean profiling;

  /** All calls of one op at one shape; their cost may differ in optional tensors. */
  private static final class Row {
    private final String family;
    private final List<Double> stepMilliseconds = new ArrayList<>();
    private OpCost cost = OpCost.ZERO;
    private int calls;
    private double milliseconds;

    Row(String family) {
      this.family = family;
    }

    void reset() {
      cost = OpCost.ZERO;
      calls = 0;
      milliseconds = 0;
    }
  }

  /** An op of the step under way. */
  private record Marked(OpCall call, DoubleSupplier begin, DoubleSupplier end) {}

  ProfiledBackend(Backend backend) {
    super(backend);
    this.plain = backend.ops();
    this.clock = StepClock.of(backend);
    this.profiled =
        (Ops)
            Proxy.newProxyInstance(
                Ops.class.getClassLoader(),
                new Class<?>[] {Ops.class},
                (_, method, arguments) -> invoke(method, arguments));
  }

  private Object invoke(Method method, Object[] arguments) throws Throwable {
    try {
      if (!profiling || method.getReturnType() != void.class) {
        return method.invoke(plain, arguments);
      }
      OpCall call = OpCall.of(method.getName(), arguments);
      DoubleSupplier begin = clock.mark();
      method.invoke(plain, arguments);
      marked.add(new Marked(call, begin, clock.mark()));
      return null;
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  /**
   * Runs one step with the timers on.
   *
   * @return milliseconds of the whole step
   */
  double profile(Runnable step) {
    begin();
    try {
      step.run();
    } finally {
      profiling = false;
    }
    return end().milliseconds();
  }

  /** Times the ops from here on; what was timed since the last {@link #end} is forgotten. */
  void begin() {
    marked.clear();
    profiling = true;
    clock.restart();
  }

  /** Ends a step. */
  StepTimeline end() {
    profiling = false;
    DoubleSupplier end = clock.mark();
    backend().synchronize();
    rows.values().forEach(Row::reset);
    List<StepTimeline.TimedOp> ops = new ArrayList<>();
    for (Marked op : marked) {
      OpCall call = op.call;
      double begin = op.begin.getAsDouble();
      ops.add(
          new StepTimeline.TimedOp(
              call.family(), call.name(), call.cost(), begin, op.end.getAsDouble()));
      Row row = rows.computeIfAbsent(call.name(), _ -> new Row(call.family()));
      row.milliseconds += ops.getLast().milliseconds();
      row.calls++;
      row.cost = row.cost.plus(call.cost());
    }
    rows.values().forEach(row -> row.stepMilliseconds.add(row.milliseconds));
    timeline = new StepTimeline(clock.method(), end.getAsDouble(), ops);
    return timeline;
  }

  /** The step profiled last; null before the first. */
  StepTimeline timeline() {
    return timeline;
  }

  /** Medians over the profiled steps, in the order in which a step first called the ops. */
  List<TrainBenchmarkResult.OpShare> results() {
    List<TrainBenchmarkResult.OpShare> shares = new ArrayList<>();
    rows.forEach(
        (name, row) ->
            shares.add(
                new TrainBenchmarkResult.OpShare(
                    row.family,
                    name,
                    row.calls,
                    Timing.of(row.stepMilliseconds).median(),
                    row.cost)));
    return shares;
  }

  @Override
  public Ops ops() {
    return profiled;
  }

  @Override
  public Runnable recording(Runnable ops) {
    Runnable recorded = backend().recording(ops);
    return () -> (profiling ? ops : recorded).run();
  }

  @Override
  public void close() {
    profiling = false;
    clock.close();
  }
}
