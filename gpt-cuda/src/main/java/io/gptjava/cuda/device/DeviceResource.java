package io.gptjava.cuda.device;

/** Something that the device must get back before it closes. */
abstract sealed class DeviceResource implements AutoCloseable
    permits DeviceMemory, PinnedMemory, Stream, Event, Graph, GraphExec {
  private final CudaDevice device;
  private boolean closed;

  DeviceResource(CudaDevice device) {
    this.device = device;
  }

  /** The device it is on. */
  public final CudaDevice device() {
    return device;
  }

  /** Registers it with its device; the last step of a constructor. */
  final void opened() {
    device.opened(this);
  }

  /** Gives it back to the driver. */
  abstract void release();

  /** What it is, in words for people. */
  @Override
  public abstract String toString();

  /** Fails if it was closed. */
  final void checkOpen() {
    if (closed) {
      throw new IllegalStateException(this + " is closed");
    }
  }

  /** Gives it back; once. */
  @Override
  public final void close() {
    if (!closed) {
      closed = true;
      device.makeCurrent();
      device.closed(this);
      release();
    }
  }
}
