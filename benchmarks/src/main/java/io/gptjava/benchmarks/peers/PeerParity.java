package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Whether peers compute what we compute: the losses of the first steps, without dropout. */
final class PeerParity {
  private PeerParity() {}

  /** The largest difference between two lists of losses; infinite if one is not a number. */
  static double largestDifference(List<Double> expected, List<Double> actual) {
    double largest = expected.size() == actual.size() ? 0 : Double.POSITIVE_INFINITY;
    for (int i = 0; i < Math.min(expected.size(), actual.size()); i++) {
      double difference = Math.abs(expected.get(i) - actual.get(i));
      largest = Math.max(largest, Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference);
    }
    return largest;
  }

  /**
   * Runs the peers one after another, keeps what they said as {@code parity-PRECISION.json}, and
   * notes those that did not start.
   *
   * @param arguments of the peers after the folder: precision, dropout 0, threads, device
   * @param steps to compare
   * @param tolerance of the losses, in nats
   * @return whether all that started agree with ours
   */
  static boolean check(PeerFolder folder, List<String> arguments, int steps, double tolerance)
      throws IOException {
    Map<String, List<Double>> losses = new LinkedHashMap<>();
    for (String name : folder.peers()) {
      try (PeerProcess peer = folder.start(name, arguments, "parity", PeerTiming.LIMIT_SECONDS)) {
        losses.put(name, peer.steps(steps).losses());
      } catch (PeerProcess.Failed e) {
        folder.skip(name, e.getMessage());
      }
    }
    List<Double> ours = losses.getOrDefault(PeerFolder.OURS, List.of());
    boolean agree = !ours.isEmpty();
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("steps", steps).put("tolerance", tolerance);
    ObjectNode peers = json.putObject("peers");
    for (Map.Entry<String, List<Double>> entry : losses.entrySet()) {
      double difference = largestDifference(ours, entry.getValue());
      boolean holds = difference <= tolerance;
      agree &= holds;
      ObjectNode peer = peers.putObject(entry.getKey());
      peer.put("largest_difference", difference).put("holds", holds);
      entry.getValue().forEach(peer.putArray("losses")::add);
    }
    json.put("holds", agree);
    folder.write("parity-" + arguments.getFirst(), json);
    return agree;
  }
}
