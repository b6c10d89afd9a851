package io.gptjava.benchmarks.jmh;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a native call through Panama costs beside what it does: C's {@code labs}, and {@code memcmp}
 * of 64 bytes. {@code critical} leaves out the thread's change of state, which only calls that end
 * at once may do, and lets heap arrays through.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
@State(Scope.Benchmark)
public class PanamaCallBenchmark {
  private static final int BYTES = 64;
  private static final FunctionDescriptor LABS_TYPE =
      FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);
  private static final FunctionDescriptor MEMCMP_TYPE =
      FunctionDescriptor.of(
          ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG);
  private static final MethodHandle LABS = handle("labs", LABS_TYPE);
  private static final MethodHandle LABS_CRITICAL =
      handle("labs", LABS_TYPE, Linker.Option.critical(false));
  private static final MethodHandle MEMCMP = handle("memcmp", MEMCMP_TYPE);
  private static final MethodHandle MEMCMP_CRITICAL =
      handle("memcmp", MEMCMP_TYPE, Linker.Option.critical(true));

  private final byte[] heap = new byte[BYTES];
  private final Arena arena = Arena.ofShared();
  private final MemorySegment nativeMemory = arena.allocate(BYTES);
  private final MemorySegment heapMemory = MemorySegment.ofArray(heap);
  private long argument = -5;

  @SuppressWarnings("restricted")
  private static MethodHandle handle(
      String name, FunctionDescriptor type, Linker.Option... options) {
    Linker linker = Linker.nativeLinker();
    MemorySegment symbol = linker.defaultLookup().find(name).orElseThrow();
    return linker.downcallHandle(symbol, type, options);
  }

  /** Frees the native memory. */
  @TearDown
  public void tearDown() {
    arena.close();
  }

  /** The same in Java: what is left when nothing is called. */
  @Benchmark
  public long javaAbs() {
    return Math.abs(argument);
  }

  /** As every CUDA call is made. */
  @Benchmark
  public long labs() throws Throwable {
    return (long) LABS.invokeExact(argument);
  }

  /** Without the change of state. */
  @Benchmark
  public long labsCritical() throws Throwable {
    return (long) LABS_CRITICAL.invokeExact(argument);
  }

  /** Pointers to native memory. */
  @Benchmark
  public int memcmpNative() throws Throwable {
    return (int) MEMCMP.invokeExact(nativeMemory, nativeMemory, (long) BYTES);
  }

  /** Pointers to an array of the Java heap, as the CPU backend passes packed panels. */
  @Benchmark
  public int memcmpHeapCritical() throws Throwable {
    return (int) MEMCMP_CRITICAL.invokeExact(heapMemory, heapMemory, (long) BYTES);
  }
}
