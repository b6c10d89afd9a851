package io.gptjava.train;

import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The micro-batches of each optimizer step. While one step trains, a background thread reads the next
 * one's into a second set of buffers. An epoch's last step takes the micro-batches that are left.
 */
final class StepBatches implements AutoCloseable {
  private final BatchSource source;
  private final int accumulate;
  private final ExecutorService reader =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("gpt-reader").factory());
  private List<Batch> current;
  private List<Batch> spare;
  private Future<?> pending;
  private int pendingEpoch = -1;
  private int pendingBatch = -1;

  /**
   * Reads from a source.
   *
   * @param accumulate most micro-batches in a step
   */
  StepBatches(BatchSource source, int accumulate) {
    this.source = source;
    this.accumulate = accumulate;
    this.current = buffers();
    this.spare = buffers();
  }

  private List<Batch> buffers() {
    List<Batch> batches = new ArrayList<>();
    for (int i = 0; i < Math.min(accumulate, source.batches()); i++) {
      batches.add(new Batch(source.batchSize(), source.sequence()));
    }
    return batches;
  }

  /** Number of micro-batches in the step that begins with this batch of an epoch. */
  int size(int batch) {
    return Math.min(accumulate, source.batches() - batch);
  }

  /**
   * The micro-batches of the step that begins with batch {@code batch} of {@code epoch}; valid until
   * the next call.
   */
  List<Batch> take(int epoch, int batch) {
    if (pendingEpoch == epoch && pendingBatch == batch) {
      await();
    } else {
      await();
      read(epoch, batch);
    }
    List<Batch> ready = spare;
    spare = current;
    current = ready;
    int next = batch + size(batch);
    boolean wraps = next >= source.batches();
    prefetch(wraps ? epoch + 1 : epoch, wraps ? 0 : next);
    return current.subList(0, size(batch));
  }

  private void prefetch(int epoch, int batch) {
    pendingEpoch = epoch;
    pendingBatch = batch;
    pending = reader.submit(() -> read(epoch, batch));
  }

  private void read(int epoch, int batch) {
    for (int i = 0; i < size(batch); i++) {
      source.read(epoch, batch + i, spare.get(i));
    }
  }

  private void await() {
    if (pending == null) {
      return;
    }
    try {
      pending.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while reading the next batch", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw new IllegalStateException(e.getCause());
      }
    } finally {
      pending = null;
    }
  }

  @Override
  public void close() {
    reader.shutdownNow();
  }
}
