package io.gptjava.train.model;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Tensor;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Every tensor that a model will need, listed and counted before anything is allocated; then one
 * allocation per role.
 */
public final class MemoryPlan {
  /** Begins the name of a tensor that all blocks use in turn. */
  public static final String SHARED = "h.*.";

  private static final long ALIGNMENT = 256;

  private final List<Slot> slots = new ArrayList<>();
  private final Map<Role, Long> bytes = new EnumMap<>(Role.class);

  /** What memory is for: one allocation each. */
  public enum Role {
    /** Model weights. */
    PARAMETERS,
    /** Gradients of the weights. */
    GRADIENTS,
    /** Adam's first and second moments. */
    OPTIMIZER,
    /** What forward keeps for backward, and the gradients that travel back. */
    ACTIVATIONS,
    /** Scratch of single ops. */
    WORKSPACE,
    /** Keys and values of earlier positions, for generation. */
    CACHE
  }

  /**
   * One planned tensor.
   *
   * @param name what it holds, for people
   * @param offset its first byte in the role's allocation
   */
  public record Slot(Role role, String name, DType dtype, List<Long> shape, long offset) {
    /** Number of bytes. */
    public long byteSize() {
      return shape.stream().reduce((long) dtype.bytes(), Math::multiplyExact);
    }
  }

  /** Plans a tensor. */
  public Slot add(Role role, String name, DType dtype, long... shape) {
    long offset = bytes(role);
    List<Long> dimensions = new ArrayList<>();
    for (long dimension : shape) {
      dimensions.add(dimension);
    }
    Slot slot = new Slot(role, name, dtype, List.copyOf(dimensions), offset);
    slots.add(slot);
    long end = Math.addExact(offset, slot.byteSize());
    bytes.put(role, (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    return slot;
  }

  /** Plans an fp32 tensor. */
  public Slot floats(Role role, String name, long... shape) {
    return add(role, name, DType.F32, shape);
  }

  /** All slots in the order in which they were added. */
  public List<Slot> slots() {
    return List.copyOf(slots);
  }

  /** Bytes of a role, alignment included. */
  public long bytes(Role role) {
    return bytes.getOrDefault(role, 0L);
  }

  /** Bytes of all roles. */
  public long totalBytes() {
    return bytes.values().stream().mapToLong(Long::longValue).sum();
  }

  /**
   * Allocates all roles.
   *
   * @throws io.gptjava.core.GptException if the backend has not enough memory
   */
  public Allocation allocate(Backend backend) {
    Map<Role, Memory> memories = new EnumMap<>(Role.class);
    bytes.forEach((role, size) -> memories.put(role, backend.allocate(name(role), size)));
    return new Allocation(this, memories);
  }

  /** The name of a role as people read it. */
  public static String name(Role role) {
    return role.name().toLowerCase(Locale.ROOT);
  }

  /** The tensors of a plan. */
  public static final class Allocation {
    private final MemoryPlan plan;
    private final Map<Role, Memory> memories;

    private Allocation(MemoryPlan plan, Map<Role, Memory> memories) {
      this.plan = plan;
      this.memories = memories;
    }

    /** The plan that this realises. */
    public MemoryPlan plan() {
      return plan;
    }

    /** The tensor of a slot of this plan. */
    public Tensor tensor(Slot slot) {
      long[] shape = slot.shape().stream().mapToLong(Long::longValue).toArray();
      return Tensor.of(memories.get(slot.role()), slot.offset(), slot.dtype(), shape);
    }
  }
}
