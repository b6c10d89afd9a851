package io.gptjava.train.run;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One value for each parameter (the parameters themselves, or a moment of the optimizer) in backend
 * memory, as files see it: fp32, without padding.
 *
 * @param backend that owns the memory
 * @param layout which parameter is where
 * @param flat (P) fp32, P = {@link ParameterLayout#size()}
 */
public record FlatParameters(Backend backend, ParameterLayout layout, Tensor flat) {
  /** Checks that the tensor is the layout's. */
  public FlatParameters {
    if (flat.dtype() != DType.F32 || flat.count() != layout.size()) {
      throw new IllegalArgumentException(
          "%s for a layout of %d fp32 elements".formatted(flat, layout.size()));
    }
  }

  /**
   * The whole buffer in host memory, after all issued ops: the memory itself if the host can read
   * it, otherwise a copy in {@code arena}.
   */
  MemorySegment read(Arena arena) {
    if (flat.memory().hostAccessible()) {
      backend.synchronize();
      return flat.segment();
    }
    MemorySegment copy = arena.allocate(flat.byteSize(), Long.BYTES);
    backend.download(flat, copy);
    return copy;
  }

  /** Fills one parameter without its padding. */
  public interface Source {
    /**
     * Writes the parameter's logical elements.
     *
     * @param target of exactly their size, fp32
     */
    void fill(Parameter parameter, MemorySegment target);
  }

  /** Replaces all values; padding becomes zero. */
  public void write(Source source) {
    boolean direct = flat.memory().hostAccessible();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = direct ? flat.segment() : arena.allocate(flat.byteSize(), Long.BYTES);
      List<Parameter> parameters = layout.parameters();
      for (int i = 0; i < parameters.size(); i++) {
        Parameter parameter = parameters.get(i);
        MemorySegment target = logical(host, parameter);
        source.fill(parameter, target);
        long end = (i + 1 < parameters.size() ? parameters.get(i + 1).offset() : layout.size());
        long padding = parameter.offset() + parameter.logicalCount();
        host.asSlice(padding * Float.BYTES, (end - padding) * Float.BYTES).fill((byte) 0);
      }
      if (!direct) {
        backend.upload(host, flat);
      }
    }
  }

  /** The logical elements of a parameter within a host copy of the buffer. */
  static MemorySegment logical(MemorySegment host, Parameter parameter) {
    return host.asSlice(parameter.offset() * Float.BYTES, parameter.logicalCount() * Float.BYTES);
  }
}
