package io.gptjava.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** GradScaler's rules. */
final class LossScalingTest {
  private static final LossScaling RULES = LossScaling.GRAD_SCALER;

  @Test
  void growsAfterTwoThousandGoodSteps() {
    LossScale scale = LossScale.INITIAL;
    for (int step = 1; step < 2000; step++) {
      scale = RULES.next(scale, true);
      assertEquals(new LossScale(65_536, step), scale);
    }
    assertEquals(new LossScale(131_072, 0), RULES.next(scale, true));
  }

  @Test
  void backsOffAtOnceAndCountsAnew() {
    assertEquals(new LossScale(32_768, 0), RULES.next(new LossScale(65_536, 1999), false));
  }

  @Test
  void doesNotGrowBeyondFloat() {
    LossScale most = new LossScale(0x1p127f, 1999);
    assertEquals(new LossScale(0x1p127f, 0), RULES.next(most, true));
  }

  @Test
  void isExhaustedBelowTheLowest() {
    LossScale scale = LossScale.INITIAL;
    int skips = 0;
    while (!RULES.exhausted(scale)) {
      scale = RULES.next(scale, false);
      skips++;
    }
    assertEquals(31, skips);
    assertFalse(RULES.exhausted(new LossScale(RULES.lowest(), 0)));
  }

  @Test
  void offMeansOne() {
    assertEquals(LossScale.NONE, LossScaling.OFF.next(LossScale.NONE, false));
    assertEquals(LossScale.NONE, LossScaling.OFF.next(LossScale.NONE, true));
    assertFalse(LossScaling.OFF.exhausted(LossScale.NONE));
    assertTrue(Precision.FP16.lossScaling().dynamic());
    assertFalse(Precision.BF16.lossScaling().dynamic());
  }
}
