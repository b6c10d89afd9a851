package io.gptjava.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The ops of one training step as they followed one another.
 *
 * @param method how time was measured
 * @param milliseconds of the whole step
 * @param ops in the order in which they ran, none before the one ahead of it has ended
 */
public record StepTimeline(String method, double milliseconds, List<TimedOp> ops) {
  private static final int PROCESS = 1;
  private static final int PHASES = 1;
  private static final int OPS = 2;
  private static final double MICROSECONDS = 1e3;

  /** Copies the list. */
  public StepTimeline {
    ops = List.copyOf(ops);
  }

  /**
   * One call of an op.
   *
   * @param family group of ops
   * @param name op and shape
   * @param cost of the call
   * @param begin milliseconds from the step's beginning
   * @param end likewise
   */
  public record TimedOp(String family, String name, OpCost cost, double begin, double end) {
    /** Milliseconds that it took. */
    public double milliseconds() {
      return end - begin;
    }
  }

  /** Parts of a step. */
  public enum Phase {
    /** From the embedding to the last layer. */
    FORWARD,
    /** From the head's loss and its gradients on. */
    BACKWARD,
    /** The gradient's norm. */
    CLIP,
    /** The update of the weights. */
    OPTIMIZER
  }

  /**
   * Ops that follow one another in the same phase.
   *
   * @param begin milliseconds from the step's beginning
   * @param end likewise
   */
  public record Span(Phase phase, double begin, double end) {}

  /** The phases in order. What is recomputed backward belongs to that phase. */
  public List<Span> phases() {
    List<Span> spans = new ArrayList<>();
    Phase phase = Phase.FORWARD;
    for (TimedOp op : ops) {
      phase = next(phase, op.name);
      if (!spans.isEmpty() && spans.getLast().phase == phase) {
        spans.set(spans.size() - 1, new Span(phase, spans.getLast().begin, op.end));
      } else {
        spans.add(new Span(phase, op.begin, op.end));
      }
    }
    return spans;
  }

  private static Phase next(Phase phase, String op) {
    if (op.startsWith("adamW")) {
      return Phase.OPTIMIZER;
    } else if (op.startsWith("globalGradientNorm")) {
      return Phase.CLIP;
    } else if (op.startsWith("embedding") && !op.startsWith("embeddingBackward")) {
      return Phase.FORWARD;
    }
    return op.startsWith("headCrossEntropy") ? Phase.BACKWARD : phase;
  }

  /**
   * The step in the trace event format of Chrome ("Trace Event Format", JSON object form), which
   * Perfetto and chrome://tracing open: a track of phases and one of ops, times in microseconds,
   * with the work of each op and the rates at which it was done.
   *
   * @param title of the process in the viewer
   */
  public ObjectNode chromeTrace(String title, Environment environment) {
    ObjectNode root = new ObjectMapper().createObjectNode();
    ArrayNode events = root.putArray("traceEvents");
    boolean emulated = Emulator.runs(environment.backend());
    name(events, "process_name", 0, emulated ? title + ", " + Emulator.CAUTION : title);
    name(events, "thread_name", PHASES, "phases");
    name(events, "thread_name", OPS, "ops, by " + method);
    for (Span span : phases()) {
      String phase = span.phase.name().toLowerCase(Locale.ROOT);
      complete(events, PHASES, phase, "phase", span.begin, span.end);
    }
    for (TimedOp op : ops) {
      ObjectNode arguments =
          complete(events, OPS, op.name, op.family, op.begin, op.end).putObject("args");
      arguments.put("flops", op.cost.flops()).put("bytes", op.cost.bytes());
      if (op.milliseconds() > 0) {
        double seconds = op.milliseconds() * 1e-3;
        arguments.put("gflops_per_second", op.cost.flops() / seconds * 1e-9);
        arguments.put("gb_per_second", op.cost.bytes() / seconds * 1e-9);
      }
    }
    root.put("displayTimeUnit", "ms");
    EnvironmentJson.put(root.putObject("otherData"), environment);
    return root;
  }

  private static void name(ArrayNode events, String what, int thread, String name) {
    ObjectNode event = events.addObject().put("ph", "M").put("name", what).put("pid", PROCESS);
    if (thread > 0) {
      event.put("tid", thread);
    }
    event.putObject("args").put("name", name);
  }

  private static ObjectNode complete(
      ArrayNode events, int thread, String name, String category, double begin, double end) {
    return events
        .addObject()
        .put("ph", "X")
        .put("pid", PROCESS)
        .put("tid", thread)
        .put("name", name)
        .put("cat", category)
        .put("ts", begin * MICROSECONDS)
        .put("dur", (end - begin) * MICROSECONDS);
  }
}
