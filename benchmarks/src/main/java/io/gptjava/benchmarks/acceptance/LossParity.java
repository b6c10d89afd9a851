package io.gptjava.benchmarks.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Losses of two runs of the same training, step by step.
 *
 * @param expected losses of the run that is taken for right
 * @param actual losses of the other
 * @param tolerance largest difference allowed, relative to the expected loss
 */
record LossParity(List<Double> expected, List<Double> actual, double tolerance) {
  LossParity {
    expected = List.copyOf(expected);
    actual = List.copyOf(actual);
  }

  /** Reads the steps of two {@code metrics.jsonl}. */
  static LossParity compare(Path expected, Path actual, double tolerance) throws IOException {
    return new LossParity(losses(expected), losses(actual), tolerance);
  }

  private static List<Double> losses(Path metrics) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    List<Double> losses = new ArrayList<>();
    for (String line : Files.readAllLines(metrics)) {
      JsonNode event = mapper.readTree(line);
      if (event.path("event").asText().equals("step")) {
        // A loss that is not finite is written as null.
        losses.add(event.path("loss").asDouble(Double.NaN));
      }
    }
    return losses;
  }

  /** Whether both have the same number of steps, at least one, and no loss differs by more. */
  boolean holds() {
    return !expected.isEmpty()
        && expected.size() == actual.size()
        && largestDifference() <= tolerance;
  }

  /** Largest relative difference; NaN if any loss is. */
  double largestDifference() {
    double largest = 0;
    for (int i = 0; i < Math.min(expected.size(), actual.size()); i++) {
      double difference = Math.abs(actual.get(i) - expected.get(i)) / Math.abs(expected.get(i));
      // Math.max keeps a NaN.
      largest = Math.max(largest, difference);
    }
    return largest;
  }

  ObjectNode json() {
    ObjectNode node = new ObjectMapper().createObjectNode();
    node.put("steps", Math.min(expected.size(), actual.size()));
    node.put("largest_relative_difference", largestDifference());
    node.put("tolerance", tolerance).put("holds", holds());
    expected.forEach(node.putArray("expected")::add);
    actual.forEach(node.putArray("actual")::add);
    return node;
  }
}
