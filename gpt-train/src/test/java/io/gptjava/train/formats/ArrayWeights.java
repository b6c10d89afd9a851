package io.gptjava.train.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.gptjava.core.GptConfig;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Kind;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;

/**
 * Random weights in arrays, by the names and in the orientation of the layout: what tests write to
 * files in other forms and expect to find again.
 */
public record ArrayWeights(GptConfig config, Map<String, float[]> arrays, Map<String, int[]> shapes)
    implements ModelWeights {
  /** GPT-2's four shapes with heads of size 1 and few tokens. */
  public static final List<GptConfig> SHAPES =
      List.of(shape(12, 12), shape(24, 16), shape(36, 20), shape(48, 25));

  /** The textbook's: its head is its own, its query/key/value projection has no bias. */
  public static final GptConfig TEXTBOOK = new GptConfig(131, 16, 24, 12, 12, 0.1f, false, false);

  /** A GPT-2 that is quick to compute. */
  public static final GptConfig SMALL = new GptConfig(131, 16, 24, 2, 4, 0.1f, true, true);

  private static GptConfig shape(int layers, int heads) {
    return new GptConfig(131, 16, heads, layers, heads, 0.1f, true, true);
  }

  /** Draws weights that make every tensor matter. */
  public static ArrayWeights random(GptConfig config, long seed) {
    Random random = new Random(seed);
    Map<String, float[]> arrays = new LinkedHashMap<>();
    Map<String, int[]> shapes = new HashMap<>();
    for (Parameter parameter : new ParameterLayout(config).parameters()) {
      shapes.put(
          parameter.name(), parameter.logicalShape().stream().mapToInt(Long::intValue).toArray());
      float[] values = new float[(int) parameter.logicalCount()];
      for (int i = 0; i < values.length; i++) {
        values[i] =
            (float) random.nextGaussian() * 0.1f + (parameter.kind() == Kind.NORM_SCALE ? 1 : 0);
      }
      arrays.put(parameter.name(), values);
    }
    return new ArrayWeights(config, arrays, shapes);
  }

  /** Each weight as {@code change} has it. */
  public ArrayWeights map(UnaryOperator<Float> change) {
    Map<String, float[]> changed = new LinkedHashMap<>();
    arrays.forEach(
        (name, values) -> {
          float[] copy = values.clone();
          for (int i = 0; i < copy.length; i++) {
            copy[i] = change.apply(copy[i]);
          }
          changed.put(name, copy);
        });
    return new ArrayWeights(config, changed, shapes);
  }

  /** Sizes of a tensor. */
  public int[] shape(String name) {
    return shapes.get(name);
  }

  /** A matrix (rows, columns) as (columns, rows). */
  public static float[] transposed(float[] matrix, int rows, int columns) {
    float[] turned = new float[matrix.length];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        turned[c * rows + r] = matrix[r * columns + c];
      }
    }
    return turned;
  }

  /** Whether a tensor is the weight of a linear layer in a block. */
  public static boolean isLinear(String name) {
    return name.matches("transformer\\.h\\.\\d+\\.(attn|mlp)\\..*\\.weight");
  }

  /** Every weight is the same bits. */
  public void assertSame(ModelWeights actual) {
    for (Parameter parameter : new ParameterLayout(actual.config()).parameters()) {
      float[] values = new float[(int) parameter.logicalCount()];
      MemorySegment target = MemorySegment.ofArray(values);
      target.fill((byte) 0x55);
      actual.copy(parameter, target);
      assertArrayEquals(arrays.get(parameter.name()), values, 0, parameter.name());
    }
  }

  @Override
  public Path path() {
    return Path.of("arrays");
  }

  @Override
  public List<String> notes() {
    return List.of();
  }

  @Override
  public void copy(Parameter parameter, MemorySegment target) {
    float[] values = arrays.get(parameter.name());
    MemorySegment.copy(values, 0, target, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
  }

  @Override
  public void close() {}
}
