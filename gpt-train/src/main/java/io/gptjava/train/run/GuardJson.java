package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.GuardState;
import io.gptjava.train.data.DataSpan;
import java.util.ArrayList;
import java.util.List;

/** {@link GuardState} as an object of {@code trainer.json}, which leaves out an empty one. */
final class GuardJson {
  private GuardJson() {}

  static ObjectNode write(GuardState state) {
    ObjectNode node = Json.object();
    state.losses().forEach(node.putArray("losses")::add);
    state.logNorms().forEach(node.putArray("log_grad_norms")::add);
    node.put("skipped_in_a_row", state.skippedInARow());
    ArrayNode spans = node.putArray("passed_over");
    for (DataSpan span : state.passedOver()) {
      spans
          .addObject()
          .put("epoch", span.epoch())
          .put("batch", span.firstBatch())
          .put("batches", span.batches());
    }
    return node;
  }

  static GuardState read(JsonNode node) {
    List<DataSpan> passedOver = new ArrayList<>();
    for (JsonNode span : node.path("passed_over")) {
      passedOver.add(
          new DataSpan(
              span.path("epoch").asInt(),
              span.path("batch").asInt(),
              span.path("batches").asInt()));
    }
    return new GuardState(
        numbers(node.path("losses")),
        numbers(node.path("log_grad_norms")),
        node.path("skipped_in_a_row").asInt(),
        passedOver);
  }

  private static List<Double> numbers(JsonNode array) {
    List<Double> numbers = new ArrayList<>();
    array.forEach(number -> numbers.add(number.doubleValue()));
    return numbers;
  }
}
