package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.DropoutLayout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Philox;
import io.gptjava.core.StepInputs;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VectorPhiloxTest {
  private static final int COUNT = 64;

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 8, 0xFFFF_FFF3L, 0x7_FFFF_FFFFL, 0x1234_5678_9ABCL})
  void blocksEqualTheScalarOnes(long first) {
    Random random = new Random(first);
    VectorPhilox philox = new VectorPhilox();
    for (int repeat = 0; repeat < 3; repeat++) {
      long seed = random.nextLong();
      int step = random.nextInt();
      int site = random.nextInt(1 << 24);
      philox.stream(seed, step, Philox.PURPOSE_RESIDUAL_DROPOUT, site);
      long[] linear = new long[2 * COUNT];
      long[] planes = new long[2 * COUNT];
      philox.linear(first, COUNT, linear, 0);
      philox.planes(first, COUNT, planes, 0);
      int[] words = new int[4];
      for (int k = 0; k < COUNT; k++) {
        Philox.block(seed, first + k, step, Philox.PURPOSE_RESIDUAL_DROPOUT, site, words, 0);
        for (int w = 0; w < 4; w++) {
          assertEquals(words[w], (int) (linear[2 * k + w / 2] >>> 32 * (w % 2)));
          assertEquals(words[w], (int) (planes[w * COUNT / 2 + k / 2] >>> 32 * (k % 2)));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 33, 768, 1000})
  void rowFactorsFollowTheLayout(int count) {
    Dropout dropout = Dropout.of(0.3f, Philox.PURPOSE_RESIDUAL_DROPOUT, 5);
    DropoutMask mask = begin(dropout);
    for (long element = 1000; element < 1009; element++) {
      int at = mask.row(element, count);
      int kept = 0;
      for (int i = 0; i < count; i++) {
        int lane =
            lane(dropout, DropoutLayout.rowBlock(element + i), DropoutLayout.rowLane(element + i));
        float expected = lane >= dropout.threshold() ? dropout.scale() : 0;
        assertEquals(expected, mask.factors()[at + i]);
        kept += expected > 0 ? 1 : 0;
      }
      assertTrue(count < 768 || Math.abs(kept - 0.7 * count) < 0.1 * count);
    }
  }

  @Test
  void attentionTilesFollowTheLayout() {
    Dropout dropout = Dropout.of(0.5f, Philox.PURPOSE_ATTENTION_DROPOUT, 2);
    ScoreMask mask = new ScoreMask(begin(dropout));
    int sequence = 150;
    AttentionShape shape = new AttentionShape(2, sequence, 32, 4, DType.F32, null);
    for (int[] block : new int[][] {{0, 0}, {1, 0}, {2, 1}, {2, 2}}) {
      mask.draw(shape, 1, 3, block[0], block[1]);
      for (int r = 0; r < shape.rows(block[0]); r++) {
        int i = 64 * block[0] + r;
        for (int c = 0; c < 64; c += Vectors.F.length()) {
          int at = ScoreMask.factor(r, c);
          for (int lane = 0; lane < Vectors.F.length(); lane++) {
            int j = 64 * block[1] + c + lane;
            if (j <= i) {
              long head = (3 + 1) * 4 + 3; // (first sample + sample) · NH + head
              int bits =
                  lane(
                      dropout,
                      DropoutLayout.attentionBlock(head, sequence, i, j),
                      DropoutLayout.attentionLane(i, j));
              assertEquals(
                  bits >= dropout.threshold() ? dropout.scale() : 0, mask.factors()[at + lane]);
            }
          }
        }
      }
    }
  }

  private static DropoutMask begin(Dropout dropout) {
    HostStepControl control = new HostStepControl();
    control.begin(new StepInputs(99, 4, 0, 0, 1, 1));
    control.microBatch(3);
    DropoutMask mask = new DropoutMask();
    mask.begin(dropout, control);
    return mask;
  }

  private static int lane(Dropout dropout, long block, int lane) {
    int[] words = new int[4];
    Philox.block(99, block, 4, dropout.purpose(), dropout.site(), words, 0);
    return DropoutLayout.lane(words, 0, lane);
  }
}
