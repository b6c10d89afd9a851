package io.gptjava.cuda.device;

/** A mark in a stream, to wait for or to time with. */
public final class Event extends DeviceResource {
  private static final int DEFAULT = 0;
  private static final int DISABLE_TIMING = 2;

  private final String name;
  private final long handle;

  Event(CudaDevice device, String name, boolean timed) {
    super(device);
    this.name = name;
    this.handle = device.driver().createEvent(timed ? DEFAULT : DISABLE_TIMING);
    opened();
  }

  long handle() {
    checkOpen();
    return handle;
  }

  /** Whether everything before its last mark is done; true if it was never recorded. */
  public boolean done() {
    device().makeCurrent();
    return device().driver().eventDone(handle());
  }

  /** Waits on the host until everything before its last mark is done. */
  public void synchronize() {
    device().makeCurrent();
    device().driver().synchronizeEvent(handle());
  }

  /**
   * Milliseconds from an earlier event to this one, both timed and done, with a resolution of about
   * half a microsecond.
   */
  public float millisecondsSince(Event start) {
    return device().driver().elapsedMilliseconds(start.handle(), handle());
  }

  @Override
  void release() {
    device().driver().destroyEvent(handle);
  }

  @Override
  public String toString() {
    return "event \"%s\"".formatted(name);
  }
}
