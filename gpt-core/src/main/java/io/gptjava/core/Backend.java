package io.gptjava.core;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A place where tensors live and ops run. Not thread-safe: one thread drives a backend at a time.
 * Closing it frees all its memory.
 */
public interface Backend extends AutoCloseable {
  /** Short name, as given to {@code --backend}. */
  String name();

  /** What was found, for people: device, threads, instruction set, libraries. */
  String description();

  /** The precisions that its ops compute in. */
  default Set<Precision> precisions() {
    return Set.of(Precision.FP32);
  }

  /**
   * Whether ops run while the host goes on, so that it pays to issue a step before the results of
   * the last one are read.
   */
  default boolean asynchronous() {
    return false;
  }

  /** The operations. */
  Ops ops();

  /** Where the scalars of a step travel. */
  StepControl stepControl();

  /**
   * Allocates zeroed memory, aligned to at least 64 bytes, that lives until {@link #close()}.
   *
   * @param role what it is for, shown to people
   * @throws GptException with {@link Failure#CAPACITY} if there is not enough
   */
  Memory allocate(String role, long bytes);

  /**
   * Bytes that {@link #allocate} can still give, where tensors are not in the host's memory; empty
   * where they are.
   */
  default OptionalLong availableBytes() {
    return OptionalLong.empty();
  }

  /**
   * Dense matrix products a second that the device's data sheet promises, in FLOP/s; empty where
   * there is none or it is not known.
   */
  default OptionalDouble datasheetFlops(Precision precision) {
    return OptionalDouble.empty();
  }

  /**
   * What the device is doing now, for logs; empty where nobody tells. Waits for no op, but may take
   * a millisecond: not for every step.
   */
  default Optional<DeviceReadings> readings() {
    return Optional.empty();
  }

  /**
   * Prepares a sequence of ops that will run many times. The backend may record the ops of one run
   * and replay them in later ones without calling {@code ops} again; so {@code ops} must issue the
   * same ops on the same tensors each time, and read nothing back. Step scalars still count, since
   * they travel in the {@link StepControl}.
   *
   * @return runs the sequence
   */
  default Runnable recording(Runnable ops) {
    return ops;
  }

  /** Copies host bytes into a tensor of the same byte size. */
  void upload(MemorySegment host, Tensor tensor);

  /** Waits for the ops issued so far and copies a tensor into host memory of the same byte size. */
  void download(Tensor tensor, MemorySegment host);

  /** Waits until all issued ops are done. */
  void synchronize();

  @Override
  void close();
}
