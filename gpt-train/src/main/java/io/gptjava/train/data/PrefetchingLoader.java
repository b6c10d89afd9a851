package io.gptjava.train.data;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Reads the next batch in the background while the caller computes. It guesses that batches are
 * read in order, epoch after epoch; any other request is right as well, only not prepared. To be
 * read by one thread at a time; an error of the background thread is thrown to the reader of that
 * batch.
 */
public final class PrefetchingLoader implements BatchSource, AutoCloseable {
  private final BatchSource source;
  private final ExecutorService worker;
  private final Batch prepared;
  private int preparedEpoch;
  private int preparedIndex;
  private Future<?> pending;

  /** Prefetches from a source, which the background thread reads. */
  public PrefetchingLoader(BatchSource source) {
    this.source = source;
    this.prepared = new Batch(source.batchSize(), source.sequence());
    this.worker =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, "batch-prefetch");
              thread.setDaemon(true);
              return thread;
            });
  }

  @Override
  public int batches() {
    return source.batches();
  }

  @Override
  public int batchSize() {
    return source.batchSize();
  }

  @Override
  public int sequence() {
    return source.sequence();
  }

  @Override
  public long tokens() {
    return source.tokens();
  }

  @Override
  public void read(int epoch, int index, Batch batch) {
    if (pending != null) {
      boolean wanted = preparedEpoch == epoch && preparedIndex == index;
      await(wanted);
      if (wanted) {
        copy(prepared, batch);
      } else {
        source.read(epoch, index, batch);
      }
    } else {
      source.read(epoch, index, batch);
    }
    boolean last = index + 1 == source.batches();
    preparedEpoch = last ? epoch + 1 : epoch;
    preparedIndex = last ? 0 : index + 1;
    int nextEpoch = preparedEpoch;
    int nextIndex = preparedIndex;
    pending = worker.submit(() -> source.read(nextEpoch, nextIndex, prepared));
  }

  /** Waits until the background thread has left {@link #prepared} alone. */
  private void await(boolean wanted) {
    Future<?> running = pending;
    pending = null;
    try {
      running.get();
    } catch (ExecutionException e) {
      if (wanted) {
        throw e.getCause() instanceof RuntimeException known
            ? known
            : new IllegalStateException(e.getCause());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for a batch", e);
    }
  }

  private static void copy(Batch from, Batch to) {
    if (to.batchSize() != from.batchSize() || to.sequence() != from.sequence()) {
      throw new IllegalArgumentException(
          "a batch of (%d, %d) for a loader of (%d, %d)"
              .formatted(to.batchSize(), to.sequence(), from.batchSize(), from.sequence()));
    }
    to.samples(from.samples());
    System.arraycopy(from.tokens(), 0, to.tokens(), 0, from.tokens().length);
    System.arraycopy(from.targets(), 0, to.targets(), 0, from.targets().length);
    System.arraycopy(from.firstVisible(), 0, to.firstVisible(), 0, from.firstVisible().length);
  }

  /** Ends the background thread, after the batch that it may be reading. */
  @Override
  public void close() {
    worker.close();
  }
}
