package io.gptjava.train.run;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a run will hold in memory, known from its configuration before the first step.
 *
 * @param entries one for each allocation
 */
public record MemoryLedger(List<Entry> entries) {
  /** Copies the list. */
  public MemoryLedger {
    entries = List.copyOf(entries);
  }

  /**
   * One allocation.
   *
   * @param role what it is for: parameters, gradients, …
   * @param bytes its size
   * @param detail how the size comes about, for people; may be empty
   */
  public record Entry(String role, long bytes, String detail) {}

  /** Collects entries. */
  public static final class Builder {
    private final List<Entry> entries = new ArrayList<>();

    /** Adds an allocation. */
    public Builder add(String role, long bytes, String detail) {
      entries.add(new Entry(role, bytes, detail));
      return this;
    }

    /** The ledger. */
    public MemoryLedger build() {
      return new MemoryLedger(entries);
    }
  }

  /** An empty builder. */
  public static Builder builder() {
    return new Builder();
  }

  /** Sum of all entries in bytes. */
  public long totalBytes() {
    return entries.stream().mapToLong(Entry::bytes).reduce(0, Math::addExact);
  }

  ObjectNode toJson() {
    ObjectNode node = Json.object().put("total_bytes", totalBytes());
    ArrayNode array = node.putArray("entries");
    for (Entry entry : entries) {
      array
          .addObject()
          .put("role", entry.role())
          .put("bytes", entry.bytes())
          .put("detail", entry.detail());
    }
    return node;
  }

  /**
   * A table for people: role, MiB, share, detail; the last line is the total. Ends in a newline.
   */
  public String table() {
    long total = totalBytes();
    int width =
        Math.max(
            "total".length(), entries.stream().mapToInt(e -> e.role().length()).max().orElse(0));
    StringBuilder table = new StringBuilder();
    for (Entry entry : entries) {
      row(table, width, entry, total);
    }
    row(table, width, new Entry("total", total, ""), total);
    return table.toString();
  }

  private static void row(StringBuilder table, int width, Entry entry, long total) {
    double share = total == 0 ? 0 : 100.0 * entry.bytes() / total;
    String line =
        String.format(
            Locale.ROOT,
            "  %-" + width + "s %,12.1f MiB %5.1f %%  %s",
            entry.role(),
            entry.bytes() / 1048576.0,
            share,
            entry.detail());
    table.append(line.stripTrailing()).append('\n');
  }
}
