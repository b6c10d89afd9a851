package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.core.reference.ReferenceBackend;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The contract's instruments see what they are there to see. */
final class HarnessTest extends OpContract {
  private final float[] ones = {1, 1, 1};

  @Override
  protected Backend open() {
    return new ReferenceBackend();
  }

  private void assertFound(String message, Consumer<Stage> call) {
    AssertionError e =
        assertThrows(AssertionError.class, () -> compare(call).within("out", Tolerance.exact()));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  private static void poke(Tensor tensor, long element, float value) {
    long at = tensor.byteOffset() + element * Float.BYTES;
    tensor.memory().segment().set(ValueLayout.JAVA_FLOAT, at, value);
  }

  @Test
  void writesPastTheEnd() {
    assertFound("past the last byte of out", s -> poke(s.output("out", 3), 3, 1));
  }

  @Test
  void writesBeforeTheBeginning() {
    assertFound("before the first byte of out", s -> poke(s.output("out", 3), -1, 1));
  }

  @Test
  void writesPastAWorkspace() {
    assertFound("past the last byte of workspace", s -> poke(s.workspace(12), 3, 1));
  }

  @Test
  void writesToAnInput() {
    assertFound("written in input", s -> poke(s.floats(ones, 3), 1, 2));
  }

  @Test
  void resultsThatDoNotRepeat() {
    AtomicInteger calls = new AtomicInteger();
    assertFound(
        "the second call differs from the first: out at byte",
        s ->
            s.ops()
                .copy(
                    s.floats(new float[] {1, calls.getAndIncrement(), 3}, 3), s.output("out", 3)));
  }

  @Test
  void differencesAndNansAreNotWithin() {
    float[] nan = {1, Float.NaN, 1};
    float[] near = {1, 1 + 0x1p-22f, 1};
    Comparison.assertWithin("same", nan, nan, Tolerance.exact());
    Comparison.assertWithin("near", ones, near, Tolerance.relative(4));
    for (float[] wrong : new float[][] {nan, {1, Float.POSITIVE_INFINITY, 1}, near, {1, 1}}) {
      assertThrows(
          AssertionError.class,
          () -> Comparison.assertWithin("wrong", ones, wrong, Tolerance.relative(3)));
      assertThrows(
          AssertionError.class,
          () -> Comparison.assertWithin("wrong", wrong, ones, Tolerance.relative(3)));
    }
  }

  /** A stored bf16 may be off by its own rounding, not by a whole step of the last bit. */
  @Test
  void bf16MayBeOffByItsRoundingOnly() {
    Tolerance tolerance = Tolerance.storedAs(DType.BF16, Tolerance.exact());
    Comparison.assertWithin("rounded", new float[] {1 + 0x1p-8f}, new float[] {1}, tolerance);
    float[] step = {1 + 0x1p-7f};
    assertThrows(
        AssertionError.class,
        () -> Comparison.assertWithin("step", new float[] {1}, step, tolerance));
  }

  /** fp16 too, and below its normal range by half of its smallest number. */
  @Test
  void fp16MayBeOffByItsRoundingOnly() {
    Tolerance tolerance = Tolerance.storedAs(DType.F16, Tolerance.exact());
    float[][] right = {{1 + 0x1p-11f, 1}, {0x1p-25f, 0}};
    float[][] wrong = {{1 + 0x1p-10f, 1}, {0x1p-24f, 0}};
    for (int i = 0; i < right.length; i++) {
      float[] near = right[i];
      float[] far = wrong[i];
      Comparison.assertWithin("rounded", new float[] {near[0]}, new float[] {near[1]}, tolerance);
      assertThrows(
          AssertionError.class,
          () ->
              Comparison.assertWithin(
                  "step", new float[] {far[1]}, new float[] {far[0]}, tolerance));
    }
  }

  /** Nothing was written: every element is the poison still. */
  @Test
  void outputsThatAreNotWritten() {
    float[] untouched = compare(s -> s.output("out", 3)).actual("out");
    assertThrows(
        AssertionError.class,
        () -> Comparison.assertWithin("out", ones, untouched, Tolerance.relative(1e30)));
  }
}
