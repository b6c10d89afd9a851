package io.gptjava.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.cuda.device.CudaDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** The structure's bytes as kernels see them, and as they come back. */
final class CudaStepControlTest {
  private static MemorySegment read(CudaDevice device, CudaStepControl control, Arena arena) {
    MemorySegment host = arena.allocate(CudaStepControl.BYTES, 8);
    device.stream().download(control.address(), host);
    device.stream().synchronize();
    return host;
  }

  /** Does what a kernel would. */
  private static void write(CudaDevice device, CudaStepControl control, long offset, double value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_DOUBLE, value);
      device.stream().upload(host, control.address() + offset);
      device.stream().synchronize();
    }
  }

  @Test
  void layout() {
    try (CudaDevice device = CudaDevice.open(CudaUnderTest.options());
        CudaStepControl control = new CudaStepControl(device);
        Arena arena = Arena.ofConfined()) {
      control.restoreUpdates(0x1_0000_0002L);
      control.haltAfterSkip(true);
      control.begin(new StepInputs(0x1234_5678_9ABCL, 7, 1e-3f, 0.5f, 8, 40));
      control.microBatch(3);
      control.scaleLoss(new LossScaling(2, 0.5f, 2000, 0.25f), new LossScale(4096, 17));
      MemorySegment s = read(device, control, arena);
      assertEquals(0x1234_5678_9ABCL, s.get(ValueLayout.JAVA_LONG, 0));
      assertEquals(7, s.get(ValueLayout.JAVA_INT, 8));
      assertEquals(3, s.get(ValueLayout.JAVA_INT, 12));
      assertEquals(1e-3f, s.get(ValueLayout.JAVA_FLOAT, 16));
      assertEquals(0.5f, s.get(ValueLayout.JAVA_FLOAT, 20));
      assertEquals(8, s.get(ValueLayout.JAVA_FLOAT, 24));
      assertEquals(8f / 40, s.get(ValueLayout.JAVA_FLOAT, 28));
      assertEquals(0, s.get(ValueLayout.JAVA_DOUBLE, 32));
      assertEquals(Double.NaN, s.get(ValueLayout.JAVA_DOUBLE, 40));
      assertEquals(1, s.get(ValueLayout.JAVA_FLOAT, 48));
      assertEquals(1f / 8, s.get(ValueLayout.JAVA_FLOAT, 52));
      assertEquals(0, s.get(ValueLayout.JAVA_LONG, 56));
      assertEquals(0x1_0000_0002L, s.get(ValueLayout.JAVA_LONG, 64));
      assertEquals(1, s.get(ValueLayout.JAVA_INT, 80));
      assertEquals(0, s.get(ValueLayout.JAVA_INT, 84));
      assertEquals(4096, s.get(ValueLayout.JAVA_FLOAT, 88));
      assertEquals(17, s.get(ValueLayout.JAVA_INT, 92));
      assertEquals(2, s.get(ValueLayout.JAVA_FLOAT, 96));
      assertEquals(0.5f, s.get(ValueLayout.JAVA_FLOAT, 100));
      assertEquals(2000, s.get(ValueLayout.JAVA_INT, 104));
      assertEquals(0.25f, s.get(ValueLayout.JAVA_FLOAT, 108));
      assertEquals(new LossScale(4096, 17), control.read().lossScale());
    }
  }

  @Test
  void stepsWithoutTargetsHaveNoLoss() {
    try (CudaDevice device = CudaDevice.open(CudaUnderTest.options());
        CudaStepControl control = new CudaStepControl(device);
        Arena arena = Arena.ofConfined()) {
      control.begin(new StepInputs(1, 0, 1, 1, 1, 0));
      assertEquals(0, read(device, control, arena).get(ValueLayout.JAVA_FLOAT, 28));
      assertEquals(
          new StepOutputs(Double.NaN, Double.NaN, 1, false, 0, LossScale.NONE), control.read());
    }
  }

  /** Results asked for stay those of their step while later ones are published. */
  @Test
  void resultsAreThoseOfTheirStep() {
    try (CudaDevice device = CudaDevice.open(CudaUnderTest.options());
        CudaStepControl control = new CudaStepControl(device)) {
      List<Supplier<StepOutputs>> pending = new ArrayList<>();
      for (int step = 0; step < 20; step++) {
        control.begin(new StepInputs(1, step, 1, 1, 1, step + 1));
        for (int i = 0; i < 30; i++) {
          control.microBatch(i); // more than there are slots
        }
        write(device, control, 32, 3.0 * (step + 1));
        write(device, control, 40, step);
        pending.add(control.readLater());
        if (pending.size() == StepControl.MOST_PENDING) {
          for (int i = 0; i < pending.size(); i++) {
            int which = step - pending.size() + 1 + i;
            StepOutputs expected = new StepOutputs(3, which, 1, false, 0, LossScale.NONE);
            assertEquals(expected, pending.get(i).get());
          }
          pending.clear();
        }
      }
    }
  }
}
