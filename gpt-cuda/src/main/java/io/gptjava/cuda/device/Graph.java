package io.gptjava.cuda.device;

/** Recorded work. */
public final class Graph extends DeviceResource {
  private final String name;
  private final long handle;

  Graph(CudaDevice device, String name, long handle) {
    super(device);
    this.name = name;
    this.handle = handle;
    opened();
  }

  /** Number of recorded launches, copies and fills. */
  public long nodes() {
    checkOpen();
    return device().driver().graphNodes(handle);
  }

  /** Makes it ready to run; it may be closed afterwards. */
  public GraphExec instantiate() {
    checkOpen();
    device().makeCurrent();
    return new GraphExec(device(), name, device().driver().instantiateGraph(handle));
  }

  @Override
  void release() {
    device().driver().destroyGraph(handle);
  }

  @Override
  public String toString() {
    return "graph \"%s\"".formatted(name);
  }
}
