package io.gptjava.cuda.device;

import io.gptjava.cuda.ffi.CudaException;
import java.lang.foreign.MemorySegment;

/** A queue of work on the device; runs in order, beside the host and beside other streams. */
public final class Stream extends DeviceResource {
  private static final int NON_BLOCKING = 1;
  private static final int CAPTURE_THREAD_LOCAL = 1;

  private final String name;
  private final long handle;
  private boolean capturing;

  Stream(CudaDevice device, String name) {
    super(device);
    this.name = name;
    this.handle = device.driver().createStream(NON_BLOCKING);
    opened();
  }

  /** The driver's handle, for libraries that take one. */
  public long handle() {
    checkOpen();
    return handle;
  }

  /** Whether it is recording a graph instead of running. */
  public boolean capturing() {
    return capturing;
  }

  /** Waits on the host until it is done. */
  public void synchronize() {
    device().makeCurrent();
    device().driver().synchronizeStream(handle());
  }

  /** Whether it has nothing left to do. */
  public boolean done() {
    device().makeCurrent();
    return device().driver().streamDone(handle());
  }

  /** Sets a mark behind what was queued so far. */
  public void record(Event event) {
    device().makeCurrent();
    device().driver().recordEvent(event.handle(), handle());
  }

  /** Makes what is queued from here on wait for an event; the host does not wait. */
  public void waitFor(Event event) {
    device().makeCurrent();
    device().driver().streamWait(handle(), event.handle());
  }

  /**
   * Copies host memory to a device pointer. From pinned memory the copy runs beside the host, and
   * the source must stay as it is until then.
   */
  public void upload(MemorySegment source, long target) {
    device().makeCurrent();
    device().driver().copyToDevice(target, source, source.byteSize(), handle());
  }

  /** Copies from a device pointer to host memory; beside the host if that is pinned. */
  public void download(long source, MemorySegment target) {
    device().makeCurrent();
    device().driver().copyToHost(target, source, target.byteSize(), handle());
  }

  /** Copies between device pointers. */
  public void copy(long source, long target, long bytes) {
    device().makeCurrent();
    device().driver().copyOnDevice(target, source, bytes, handle());
  }

  /** Sets bytes to zero. */
  public void zero(long target, long bytes) {
    device().makeCurrent();
    device().driver().fillBytes(target, 0, bytes, handle());
  }

  /** Sets 32-bit words; the target is a multiple of 4. */
  public void fillWords(long target, int value, long words) {
    device().makeCurrent();
    device().driver().fillWords(target, value, words, handle());
  }

  /**
   * Records what {@code work} queues on this stream, and on streams that join it through events,
   * without running it.
   *
   * @throws CudaException if the work does something that cannot be recorded, such as waiting
   */
  public Graph capture(String graphName, Runnable work) {
    device().makeCurrent();
    device().driver().beginCapture(handle(), CAPTURE_THREAD_LOCAL);
    capturing = true;
    boolean recorded = false;
    try {
      work.run();
      recorded = true;
    } finally {
      capturing = false;
      if (!recorded) {
        discardCapture();
      }
    }
    return new Graph(device(), graphName, device().driver().endCapture(handle()));
  }

  /** The work's own error is on its way out: what the driver says about the capture is not news. */
  private void discardCapture() {
    try {
      long partial = device().driver().endCapture(handle());
      if (partial != 0) {
        device().driver().destroyGraph(partial);
      }
    } catch (CudaException e) {
      assert !e.code().isEmpty();
    }
  }

  @Override
  void release() {
    device().driver().destroyStream(handle);
  }

  @Override
  public String toString() {
    return "stream \"%s\"".formatted(name);
  }
}
