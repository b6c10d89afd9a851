package io.gptjava.cuda;

import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Graph;
import io.gptjava.cuda.device.GraphExec;

/**
 * A sequence of ops that becomes a CUDA graph. The first run issues the ops one by one, which loads
 * kernels and chooses matrix product algorithms; the second records them; from then on one call
 * replays them all.
 */
final class Recording implements Runnable, AutoCloseable {
  private final CudaDevice device;
  private final String name;
  private final Runnable ops;
  private boolean warm;
  private GraphExec graph;

  Recording(CudaDevice device, String name, Runnable ops) {
    this.device = device;
    this.name = name;
    this.ops = ops;
  }

  @Override
  public void run() {
    if (!warm || device.stream().capturing()) {
      ops.run();
      warm = true;
      return;
    }
    if (graph == null) {
      try (Graph recorded = device.stream().capture(name, ops)) {
        graph = recorded.instantiate();
      }
    }
    graph.launch(device.stream());
  }

  @Override
  public void close() {
    if (graph != null) {
      graph.close();
      graph = null;
    }
  }
}
