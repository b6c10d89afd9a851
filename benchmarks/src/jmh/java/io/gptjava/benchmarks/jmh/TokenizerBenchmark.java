package io.gptjava.benchmarks.jmh;

import io.gptjava.core.tokenizer.Gpt2Tokenizer;
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
import org.openjdk.jmh.annotations.Warmup;

/** GPT-2's byte-pair encoding of a megabyte of made-up prose, and back; GB/s of UTF-8. */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
@State(Scope.Benchmark)
public class TokenizerBenchmark {
  private static final int CHARACTERS = 1 << 20;
  private static final int WORDS = 5000;
  private static final String LETTERS = "etaoinshrdlucmfwypvbgkjqxz";

  /** Threads that encode. */
  @Param({"1", "2"})
  public int workers;

  private Gpt2Tokenizer tokenizer;
  private String text;
  private int[] tokens;

  /** Makes the text: words of a fixed vocabulary, frequent ones more often. */
  @Setup
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    String[] words = new String[WORDS];
    for (int i = 0; i < WORDS; i++) {
      StringBuilder word = new StringBuilder();
      for (int length = 1 + random.nextInt(3 + i % 8); length > 0; length--) {
        word.append(LETTERS.charAt(low(random, LETTERS.length())));
      }
      words[i] = word.toString();
    }
    StringBuilder prose = new StringBuilder(CHARACTERS);
    while (prose.length() < CHARACTERS) {
      prose.append(words[low(random, WORDS)]);
      prose.append(random.nextInt(12) == 0 ? (random.nextInt(4) == 0 ? ".\n" : ", ") : " ");
    }
    text = prose.toString();
    tokenizer = new Gpt2Tokenizer();
    tokens = tokenizer.encode(text);
  }

  /** A number below a bound, small ones more often. */
  private static int low(SplittableRandom random, int bound) {
    return (int) (bound * random.nextDouble() * random.nextDouble());
  }

  /** Text to tokens. */
  @Benchmark
  public int[] encode(Work work) {
    work.moved(text.length());
    return tokenizer.encode(text, workers);
  }

  /** Tokens to text; one thread. */
  @Benchmark
  public String decode(Work work) {
    work.moved(text.length());
    return tokenizer.decode(tokens);
  }
}
