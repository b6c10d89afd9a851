package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.RatioInterval;
import io.gptjava.benchmarks.Timing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Times the peers in turn: all are running, one computes for some steps, then the next, round after
 * round, so that a busy neighbour slows all of them alike.
 */
final class PeerTiming {
  /** Longest time without an answer. */
  static final long LIMIT_SECONDS = 600;

  private static final double CONFIDENCE = 0.95;

  /**
   * How long to time.
   *
   * @param warmup most steps of each peer before timing; fewer when its times have settled
   * @param rounds how often each peer's turn comes
   * @param block steps of a turn
   */
  record Plan(int warmup, int rounds, int block) {}

  private static final class Seat {
    private final PeerProcess peer;
    private final List<Double> times = new ArrayList<>();
    private int warmup;
    private double loss;
    private OptionalLong memory = OptionalLong.empty();

    Seat(PeerProcess peer) {
      this.peer = peer;
    }
  }

  private PeerTiming() {}

  /**
   * Times the peers whose losses agreed, ours among them, and keeps the result as {@code
   * time-PRECISION.json}.
   *
   * @param arguments of the peers after the folder: precision, dropout, threads, device
   * @throws IllegalStateException if the losses were not compared, or ours cannot run
   */
  static ObjectNode run(PeerFolder folder, List<String> arguments, Plan plan) throws IOException {
    String precision = arguments.getFirst();
    JsonNode parity = folder.read("parity-" + precision);
    if (!parity.at("/peers/" + PeerFolder.OURS).path("holds").asBoolean()) {
      throw new IllegalStateException(
          "the losses of the peers were not compared in %s; do that before timing"
              .formatted(precision));
    }
    Map<String, Seat> seats = new LinkedHashMap<>();
    try {
      for (String name : folder.peers()) {
        if (parity.at("/peers/" + name).path("holds").asBoolean()) {
          start(folder, name, arguments, plan, seats);
        }
      }
      for (int round = 0; round < plan.rounds; round++) {
        for (Seat seat : seats.values()) {
          PeerProcess.Steps steps = seat.peer.steps(plan.block);
          seat.times.addAll(steps.milliseconds());
          seat.loss = steps.losses().getLast();
        }
      }
      for (Seat seat : seats.values()) {
        seat.memory = seat.peer.end();
      }
    } catch (PeerProcess.Failed e) {
      throw new IllegalStateException(e.getMessage(), e);
    } finally {
      seats.values().forEach(seat -> seat.peer.close());
    }
    ObjectNode json = json(PeerTask.parse(withFolder(folder, arguments)), seats);
    json.put("dropout", Double.parseDouble(arguments.get(1)));
    json.put("rounds", plan.rounds).put("steps_of_a_turn", plan.block);
    folder.write("time-" + precision, json);
    return json;
  }

  private static String[] withFolder(PeerFolder folder, List<String> arguments) {
    List<String> all = new ArrayList<>(List.of(folder.path().toString()));
    all.addAll(arguments);
    return all.toArray(String[]::new);
  }

  private static void start(
      PeerFolder folder, String name, List<String> arguments, Plan plan, Map<String, Seat> seats)
      throws IOException, PeerProcess.Failed {
    Seat seat = new Seat(folder.start(name, arguments, "time", LIMIT_SECONDS));
    seats.put(name, seat);
    List<Double> times = new ArrayList<>();
    while (times.size() < plan.warmup && !Timing.stable(times)) {
      times.addAll(seat.peer.steps(1).milliseconds());
    }
    seat.warmup = times.size();
  }

  private static ObjectNode json(PeerTask task, Map<String, Seat> seats) {
    ObjectNode json = new ObjectMapper().createObjectNode();
    Seat ours = seats.get(PeerFolder.OURS);
    seats.forEach(
        (name, seat) -> {
          ObjectNode row = json.withArray("peers").addObject();
          Timing timing = Timing.of(seat.times);
          row.put("name", name).put("unit", "ms/step");
          row.put("median", timing.median()).put("min", timing.min()).put("p95", timing.p95());
          row.put("tokens_per_second", task.tokens() / (timing.median() * 1e-3));
          seat.memory.ifPresent(bytes -> row.put("peak_resident_bytes", bytes));
          if (seat != ours) {
            RatioInterval ratio = RatioInterval.of(ours.times, seat.times, CONFIDENCE);
            ObjectNode node = row.putObject("time_over_ours");
            node.put("median", ratio.ratio()).put("confidence", CONFIDENCE);
            node.put("low", ratio.low());
            node.put("high", Double.isInfinite(ratio.high()) ? null : ratio.high());
          }
          row.put("warmup_steps", seat.warmup).put("final_loss", seat.loss);
          seat.times.forEach(row.putArray("ms")::add);
          row.set("about", seat.peer.about());
        });
    return json;
  }
}
