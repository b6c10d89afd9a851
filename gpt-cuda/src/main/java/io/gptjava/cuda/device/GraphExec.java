package io.gptjava.cuda.device;

import io.gptjava.cuda.ffi.CudaException;

/** Recorded work that can run, again and again, by one call. */
public final class GraphExec extends DeviceResource {
  private final String name;
  private final long handle;

  GraphExec(CudaDevice device, String name, long handle) {
    super(device);
    this.name = name;
    this.handle = handle;
    opened();
  }

  /** Queues the work on a stream. */
  public void launch(Stream stream) {
    checkOpen();
    device().makeCurrent();
    try {
      device().driver().launchGraph(handle, stream.handle());
    } catch (CudaException e) {
      throw e.during("cuGraphLaunch of \"%s\"".formatted(name));
    }
  }

  @Override
  void release() {
    device().driver().destroyExecutableGraph(handle);
  }

  @Override
  public String toString() {
    return "executable graph \"%s\"".formatted(name);
  }
}
