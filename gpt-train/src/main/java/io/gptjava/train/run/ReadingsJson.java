package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.DeviceReadings;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** {@link DeviceReadings} as an object of {@code metrics.jsonl}; what is missing is left out. */
final class ReadingsJson {
  private ReadingsJson() {}

  static ObjectNode write(DeviceReadings readings) {
    ObjectNode node = Json.object();
    readings.celsius().ifPresent(value -> node.put("celsius", value));
    readings.watts().ifPresent(value -> node.put("watts", value));
    readings.limitWatts().ifPresent(value -> node.put("limit_watts", value));
    readings.megahertz().ifPresent(value -> node.put("mhz", value));
    readings.memoryMegahertz().ifPresent(value -> node.put("memory_mhz", value));
    readings.memoryBytes().ifPresent(value -> node.put("memory_bytes", value));
    return node;
  }

  static DeviceReadings read(JsonNode node) {
    return new DeviceReadings(
        integer(node, "celsius"),
        decimal(node, "watts"),
        decimal(node, "limit_watts"),
        integer(node, "mhz"),
        integer(node, "memory_mhz"),
        node.has("memory_bytes")
            ? OptionalLong.of(node.get("memory_bytes").asLong())
            : OptionalLong.empty());
  }

  private static OptionalInt integer(JsonNode node, String key) {
    return node.has(key) ? OptionalInt.of(node.get(key).asInt()) : OptionalInt.empty();
  }

  private static OptionalDouble decimal(JsonNode node, String key) {
    return node.has(key) ? OptionalDouble.of(node.get(key).asDouble()) : OptionalDouble.empty();
  }
}
