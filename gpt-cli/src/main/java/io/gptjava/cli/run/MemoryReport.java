package io.gptjava.cli.run;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Backend;
import io.gptjava.core.Precision;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.MemoryByLayer;
import io.gptjava.train.run.MemoryLedger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * A memory plan for people and programs.
 *
 * @param size of the model that is planned
 * @param parameters of it
 * @param backend whose workspaces are counted
 * @param capacity bytes that there are
 * @param ledger of the run by role
 * @param layers of the model
 * @param choices the same run in every precision and mode of recomputation
 */
public record MemoryReport(
    ModelSize size,
    long parameters,
    String backend,
    long capacity,
    MemoryLedger ledger,
    MemoryByLayer layers,
    List<Choice> choices) {
  private static final List<Precision> PRECISIONS =
      List.of(Precision.FP32, Precision.BF16, Precision.FP16); // tf32 takes what fp32 does

  /**
   * A precision and a mode of recomputation.
   *
   * @param bytes of the run with them
   * @param largestBatch that fits, if one does
   */
  public record Choice(
      Precision precision, Recompute recompute, long bytes, OptionalInt largestBatch) {}

  /** Plans a run. */
  public static MemoryReport of(Backend backend, ModelSize size, long capacity) {
    List<Choice> choices = new ArrayList<>();
    for (Precision precision : PRECISIONS) {
      for (Recompute recompute : Recompute.values()) {
        ModelSize other = size.withPrecision(precision).withRecompute(recompute);
        choices.add(
            new Choice(
                precision,
                recompute,
                RunMemory.ledger(backend, other).totalBytes(),
                RunMemory.largestBatch(backend, other, capacity)));
      }
    }
    return new MemoryReport(
        size,
        size.config().parameterCount(),
        backend.name(),
        capacity,
        RunMemory.ledger(backend, size),
        MemoryByLayer.of(backend.ops(), size),
        List.copyOf(choices));
  }

  /** Tables. */
  public String text() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%,d parameters, %d × %d tokens, %s, --recompute %s, on the %s backend%n%n",
            parameters,
            size.batch(),
            size.sequence(),
            lower(size.precision()),
            lower(size.recompute()),
            backend));
    text.append("Memory by role\n").append(ledger.table());
    text.append("\nMemory by layer, MiB\n").append(layers.table());
    text.append("\nPrecision and recomputation, for ")
        .append(RunMemory.gib(capacity))
        .append("\n  precision  --recompute         needs  largest --batch-size\n");
    for (Choice choice : choices) {
      text.append(
          String.format(
              Locale.ROOT,
              "  %-9s  %-11s  %12s  %s%n",
              lower(choice.precision),
              lower(choice.recompute),
              RunMemory.gib(choice.bytes),
              choice.largestBatch.isPresent()
                  ? String.format(Locale.ROOT, "%,20d", choice.largestBatch.getAsInt())
                  : "   does not fit at 1"));
    }
    return text.toString();
  }

  /** One object; sizes in bytes, {@code largest_batch_size} null where none fits. */
  public String json() {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("parameters", parameters);
    root.put("batch_size", size.batch());
    root.put("sequence_length", size.sequence());
    root.put("precision", lower(size.precision()));
    root.put("recompute", lower(size.recompute()));
    root.put("backend", backend);
    root.put("available_bytes", capacity);
    root.put("total_bytes", ledger.totalBytes());
    ObjectNode roles = root.putObject("role_bytes");
    ledger.entries().forEach(entry -> roles.put(entry.role(), entry.bytes()));
    ObjectNode parts = root.putObject("layer_bytes");
    for (MemoryByLayer.Part part : layers.parts()) {
      ObjectNode node = parts.putObject(part.name());
      part.bytes().forEach((role, bytes) -> node.put(lower(role), bytes));
    }
    ArrayNode fits = root.putArray("choices");
    for (Choice choice : choices) {
      ObjectNode node = fits.addObject();
      node.put("precision", lower(choice.precision));
      node.put("recompute", lower(choice.recompute));
      node.put("total_bytes", choice.bytes);
      if (choice.largestBatch.isPresent()) {
        node.put("largest_batch_size", choice.largestBatch.getAsInt());
      } else {
        node.putNull("largest_batch_size");
      }
    }
    return root.toString();
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
