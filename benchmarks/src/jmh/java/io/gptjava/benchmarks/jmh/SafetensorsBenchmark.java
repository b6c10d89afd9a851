package io.gptjava.benchmarks.jmh;

import io.gptjava.core.safetensors.SafetensorsFile;
import io.gptjava.core.safetensors.SafetensorsWriter;
import io.gptjava.core.safetensors.StoredFloats;
import io.gptjava.core.safetensors.StoredType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
 * A checkpoint of 16 tensors of 4 MiB, written to a temporary folder and flushed to its disk, and
 * read from the page cache as fp32; GB/s of the file.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
@State(Scope.Benchmark)
public class SafetensorsBenchmark {
  private static final int TENSORS = 16;
  private static final long BYTES = 4 << 20;

  /** Type in the file. */
  @Param({"F32", "BF16"})
  public StoredType type;

  private Path folder;
  private Path file;
  private Arena arena;
  private MemorySegment floats; // of one tensor
  private List<SafetensorsWriter.Item> items;

  /** Makes the tensors and the file to read. */
  @Setup
  public void setUp() throws IOException {
    folder = Files.createTempDirectory("safetensors");
    file = folder.resolve("model.safetensors");
    arena = Arena.ofShared();
    long count = BYTES / type.bytes();
    floats = arena.allocate(count * Float.BYTES, Long.BYTES);
    SplittableRandom random = new SplittableRandom(1);
    for (long i = 0; i < count; i++) {
      floats.setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i, random.nextFloat() - 0.5f);
    }
    MemorySegment stored = arena.allocate(BYTES, Long.BYTES);
    StoredFloats.write(type, floats, stored, count);
    items =
        java.util.stream.IntStream.range(0, TENSORS)
            .mapToObj(
                i -> new SafetensorsWriter.Item("tensor" + i, type, new long[] {count}, stored))
            .toList();
    SafetensorsWriter.write(file, Map.of(), items);
  }

  /** Deletes the files. */
  @TearDown
  public void tearDown() throws IOException {
    arena.close();
    for (String name : List.of("model.safetensors", "written.safetensors")) {
      Files.deleteIfExists(folder.resolve(name));
    }
    Files.delete(folder);
  }

  /** Writes and flushes. */
  @Benchmark
  public long write(Work work) {
    work.moved(TENSORS * BYTES);
    return SafetensorsWriter.write(folder.resolve("written.safetensors"), Map.of(), items).crc32c();
  }

  /** Opens, checks the header, and reads all tensors. */
  @Benchmark
  public long read(Work work) {
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      for (String name : opened.tensors().keySet()) {
        opened.copyFloats(name, floats);
      }
      work.moved(TENSORS * BYTES);
      return opened.tensors().size();
    }
  }
}
