package io.gptjava.benchmarks;

import io.gptjava.core.Backend;
import io.gptjava.core.DeviceReadings;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A backend that passes everything on to another one, except that it never says that it is
 * asynchronous. Closing it leaves the other one open.
 */
public abstract class ForwardingBackend implements Backend {
  private final Backend backend;

  /** Passes on to a backend, which stays the caller's to close. */
  protected ForwardingBackend(Backend backend) {
    this.backend = backend;
  }

  /** The other backend. */
  protected final Backend backend() {
    return backend;
  }

  @Override
  public Ops ops() {
    return backend.ops();
  }

  @Override
  public String name() {
    return backend.name();
  }

  @Override
  public String description() {
    return backend.description();
  }

  @Override
  public Set<Precision> precisions() {
    return backend.precisions();
  }

  @Override
  public Optional<String> caution(Precision precision) {
    return backend.caution(precision);
  }

  @Override
  public OptionalLong availableBytes() {
    return backend.availableBytes();
  }

  @Override
  public OptionalDouble datasheetFlops(Precision precision) {
    return backend.datasheetFlops(precision);
  }

  @Override
  public Optional<DeviceReadings> readings() {
    return backend.readings();
  }

  @Override
  public StepControl stepControl() {
    return backend.stepControl();
  }

  @Override
  public Memory allocate(String role, long bytes) {
    return backend.allocate(role, bytes);
  }

  @Override
  public Runnable recording(Runnable ops) {
    return backend.recording(ops);
  }

  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    backend.upload(host, tensor);
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    backend.download(tensor, host);
  }

  @Override
  public void synchronize() {
    backend.synchronize();
  }

  @Override
  public void close() {
    // Holds nothing.
  }
}
