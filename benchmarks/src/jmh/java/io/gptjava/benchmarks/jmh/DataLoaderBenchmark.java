package io.gptjava.benchmarks.jmh;

import io.gptjava.train.data.Batch;
import io.gptjava.train.data.TokenBuffer;
import io.gptjava.train.data.TokenFile;
import io.gptjava.train.data.WindowLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Batches of 8 × 1024 tokens out of a mapped shard of 16 million, in order and shuffled; GB/s of
 * the two bytes that a token takes in the file.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
@State(Scope.Benchmark)
public class DataLoaderBenchmark {
  private static final int TOKENS = 16 << 20;
  private static final int VOCABULARY = 50_257;
  private static final int BATCH = 8;
  private static final int SEQUENCE = 1024;

  /** Whether each epoch has its own order. */
  @Param({"false", "true"})
  public boolean shuffle;

  private Path folder;
  private TokenFile file;
  private WindowLoader loader;
  private final Batch batch = new Batch(BATCH, SEQUENCE);
  private int next;

  /** Writes the shard. */
  @Setup
  public void setUp() throws IOException {
    folder = Files.createTempDirectory("loader");
    Path shard = folder.resolve("shard.bin");
    TokenBuffer buffer = new TokenBuffer();
    buffer.add(new SplittableRandom(1).ints(TOKENS, 0, VOCABULARY).toArray());
    TokenFile.write(shard, buffer);
    file = TokenFile.open(shard, VOCABULARY);
    loader = new WindowLoader(file, SEQUENCE, SEQUENCE, BATCH, shuffle, true, 1);
  }

  /** Deletes it. */
  @TearDown
  public void tearDown() throws IOException {
    file.close();
    Files.delete(folder.resolve("shard.bin"));
    Files.delete(folder);
  }

  /** One batch. */
  @Benchmark
  public Batch read(Work work) {
    loader.read(next / loader.batches(), next % loader.batches(), batch);
    next++;
    work.moved(2L * BATCH * SEQUENCE);
    return batch;
  }
}
