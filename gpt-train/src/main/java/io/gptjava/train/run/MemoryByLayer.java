package io.gptjava.train.run;

import io.gptjava.core.DType;
import io.gptjava.core.Ops;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.MemoryPlan;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.MemoryPlan.Slot;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The bytes of a model's plan by part of the model: embeddings and head, each block, what the
 * blocks share, and the rest. What is lost to alignment, and workspace, belong to the rest; so the
 * parts add up to the plan.
 *
 * @param parts in the order of the forward pass
 */
public record MemoryByLayer(List<Part> parts) {
  private static final String EMBEDDING = "embedding, head";
  private static final String SHARED = "shared by blocks";
  private static final String REST = "rest";
  private static final double MIB = 1 << 20;
  private static final List<Role> ROLES =
      List.of(Role.PARAMETERS, Role.GRADIENTS, Role.OPTIMIZER, Role.ACTIVATIONS, Role.WORKSPACE);

  /** Copies the list. */
  public MemoryByLayer {
    parts = List.copyOf(parts);
  }

  /**
   * One part of a model.
   *
   * @param name {@code h.3} for block 3
   * @param bytes by role; roles that a part has nothing of are missing
   */
  public record Part(String name, Map<Role, Long> bytes) {
    /** Bytes of a role. */
    public long bytes(Role role) {
      return bytes.getOrDefault(role, 0L);
    }

    /** Bytes of all roles. */
    public long totalBytes() {
      return bytes.values().stream().mapToLong(Long::longValue).sum();
    }
  }

  /** Splits the plan of a model. */
  public static MemoryByLayer of(Ops ops, ModelSize size) {
    MemoryPlan plan = GptModel.plan(ops, size);
    Map<String, Map<Role, Long>> parts = new LinkedHashMap<>();
    parts.put(EMBEDDING, new EnumMap<>(Role.class));
    for (int i = 0; i < size.config().layers(); i++) {
      parts.put("h." + i, new EnumMap<>(Role.class));
    }
    parts.put(SHARED, new EnumMap<>(Role.class));
    parts.put(REST, new EnumMap<>(Role.class));
    Map<Role, Long> perParameter = perParameter(plan);
    for (Parameter parameter : new ParameterLayout(size.config()).parameters()) {
      String part = partOfParameter(parameter.name());
      perParameter.forEach(
          (role, each) -> parts.get(part).merge(role, each * parameter.count(), Long::sum));
    }
    for (Slot slot : plan.slots()) {
      if (slot.role() == Role.ACTIVATIONS) {
        parts.get(partOfActivation(slot.name())).merge(slot.role(), slot.byteSize(), Long::sum);
      }
    }
    for (Role role : ROLES) {
      long counted = parts.values().stream().mapToLong(bytes -> bytes.getOrDefault(role, 0L)).sum();
      parts.get(REST).merge(role, plan.bytes(role) - counted, Long::sum);
    }
    List<Part> list = new ArrayList<>();
    parts.forEach((name, bytes) -> list.add(new Part(name, Map.copyOf(bytes))));
    return new MemoryByLayer(list);
  }

  /** Bytes that each parameter takes in each of the roles that have one tensor for all of them. */
  private static Map<Role, Long> perParameter(MemoryPlan plan) {
    Map<Role, Long> bytes = new EnumMap<>(Role.class);
    for (Slot slot : plan.slots()) {
      switch (slot.role()) {
        case PARAMETERS, GRADIENTS, OPTIMIZER -> {
          DType type = slot.dtype();
          bytes.merge(slot.role(), (long) type.bytes(), Long::sum);
        }
        default -> {}
      }
    }
    return bytes;
  }

  private static String partOfParameter(String name) {
    String local = name.replaceFirst("^transformer\\.", "");
    if (local.startsWith("h.")) {
      return local.substring(0, local.indexOf('.', 2));
    }
    return local.startsWith("ln_f") ? REST : EMBEDDING;
  }

  private static String partOfActivation(String name) {
    if (name.startsWith(MemoryPlan.SHARED)) {
      return SHARED;
    }
    return name.startsWith("h.") ? name.substring(0, name.indexOf('.', 2)) : REST;
  }

  /** Bytes of all parts. */
  public long totalBytes() {
    return parts.stream().mapToLong(Part::totalBytes).sum();
  }

  /** A table for people in MiB; equal blocks in a row share a line. Ends in a newline. */
  public String table() {
    StringBuilder table = new StringBuilder("  " + " ".repeat(18));
    ROLES.forEach(role -> table.append("%13s".formatted(MemoryPlan.name(role))));
    table.append('\n');
    for (int from = 0; from < parts.size(); ) {
      Part part = parts.get(from);
      int to = from + 1;
      while (to < parts.size() && parts.get(to).bytes().equals(part.bytes())) {
        to++;
      }
      String name = part.name();
      if (to - from > 1) {
        name += " … " + parts.get(to - 1).name() + ", each";
      }
      if (part.totalBytes() > 0) {
        row(table, name, part);
      }
      from = to;
    }
    return table.toString();
  }

  private static void row(StringBuilder table, String name, Part part) {
    table.append("  %-18s".formatted(name));
    for (Role role : ROLES) {
      table.append(
          part.bytes(role) == 0
              ? " ".repeat(13)
              : String.format(Locale.ROOT, "%,13.2f", part.bytes(role) / MIB));
    }
    table.setLength(table.toString().stripTrailing().length());
    table.append('\n');
  }
}
