package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import io.gptjava.core.reference.ReferenceBackend;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElementwiseTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 17, 40_001})
  void geluEqualsTheReference(int count) {
    Trial.compare(
        1e-6,
        t -> {
          Ops ops = t.backend().ops();
          Tensor x = t.normal(3, count);
          Tensor out = t.poisoned(count);
          ops.gelu(x, out);
          t.result(out);
          Tensor dOut = t.normal(1, count);
          ops.geluBackward(x, dOut, dOut);
          t.result(dOut);
          ops.gelu(x, x);
          t.result(x);
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 9, 16, 100, 1003})
  void softmaxEqualsTheReference(int width) {
    Trial.compare(
        2e-6,
        t -> {
          Ops ops = t.backend().ops();
          Tensor x = t.normal(10, 7, width);
          Tensor out = t.poisoned(7, width);
          ops.softmax(x, out);
          t.result(out);
          Tensor dOut = t.normal(1, 7, width);
          ops.softmaxBackward(out, dOut, dOut);
          t.result(dOut);
        });
  }

  /** Every pair of float types, ties, subnormals, infinities and NaN, to the bit. */
  @Test
  void castRoundsAsTheReference() {
    DType[] types = {DType.F32, DType.BF16, DType.F16};
    for (DType from : types) {
      for (DType to : types) {
        byte[] expected = cast(new ReferenceBackend(), from, to);
        byte[] actual = cast(new CpuBackend(3), from, to);
        assertArrayEquals(expected, actual, from + " to " + to);
      }
    }
  }

  private static byte[] cast(Backend backend, DType from, DType to) {
    byte[][] bytes = new byte[1][];
    int count = 70_001;
    Trial.run(
        backend,
        t -> {
          Random random = new Random(5);
          Tensor source = t.allocate(from, count);
          Tensor target = t.allocate(to, count);
          for (int i = 0; i < count; i++) {
            if (from == DType.F32) {
              // Half of them are ties or nearly so for the shorter types.
              int bits = random.nextInt();
              int tie = bits & 0xFFFF_0000 | 0x8000 | (random.nextInt(3) - 1);
              int value = i % 2 == 0 ? bits : tie;
              boolean nan = (value & 0x7FFF_FFFF) > 0x7F80_0000;
              source.segment().setAtIndex(ValueLayout.JAVA_INT, i, nan ? 0x7FC0_0000 : value);
            } else {
              short bits = (short) i;
              boolean nan =
                  from == DType.BF16 ? (bits & 0x7FFF) > 0x7F80 : (bits & 0x7FFF) > 0x7C00;
              source.segment().setAtIndex(ValueLayout.JAVA_SHORT, i, nan ? (short) 0 : bits);
            }
          }
          t.backend().ops().cast(source, target);
          bytes[0] = target.segment().toArray(ValueLayout.JAVA_BYTE);
        });
    return bytes[0];
  }

  @Test
  void fillsAndCopies() {
    int count = 700_003; // more than one task of a copy
    Trial.compare(
        0,
        t -> {
          Ops ops = t.backend().ops();
          Tensor a = t.poisoned(count);
          Tensor b = t.normal(1, count);
          for (float value : new float[] {0, -0f, 1.5f}) {
            ops.fill(a, value);
            t.result(a);
          }
          ops.copy(b, a);
          t.result(a);
          Tensor half = t.allocate(DType.BF16, count);
          ops.fill(half, 1.00390625f);
          ops.cast(half, a);
          t.result(a);
          Tensor ids = t.integers(3, 4);
          assertThrows(IllegalArgumentException.class, () -> ops.fill(ids, 1));
          assertThrows(IllegalArgumentException.class, () -> ops.copy(half, a));
        });
  }
}
