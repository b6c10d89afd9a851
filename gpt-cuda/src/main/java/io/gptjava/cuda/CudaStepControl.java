package io.gptjava.cuda;

import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.Supplier;

/**
 * The step's scalars in device memory, where kernels read and write them: the structure of {@code
 * kernels/include/step_control.cuh}. The host writes its half through pinned slots, so that
 * publishing the next step never waits for the last one; reading waits for the results' copy.
 */
final class CudaStepControl implements StepControl, AutoCloseable {
  /** Size of the structure. */
  static final long BYTES = 128;

  private static final int SEED = 0;
  private static final int STEP = 8;
  private static final int FIRST_SAMPLE = 12;
  private static final int LEARNING_RATE = 16;
  private static final int CLIP_NORM = 20;
  private static final int LOSS_SCALE = 24;
  private static final int LOSS_GRADIENT_SCALE = 28;
  private static final int LOSS_SUM = 32;
  private static final int GRADIENT_NORM = 40;
  private static final int CLIP_FACTOR = 48;
  private static final int GRADIENT_FACTOR = 52;
  private static final int SKIPPED = 56;
  private static final int UPDATES = 64;
  private static final int HALT_AFTER_SKIP = 80;
  private static final int HALTED = 84;
  private static final int DYNAMIC_SCALE = 88;
  private static final int GOOD_STEPS = 92;
  private static final int GROWTH_FACTOR = 96;
  private static final int BACKOFF_FACTOR = 100;
  private static final int GROWTH_INTERVAL = 104;
  private static final int LOWEST_SCALE = 108;
  private static final int SCALING_END = 112;

  private static final int BEGIN_BYTES = 64;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final CudaDevice device;
  private final DeviceMemory memory;
  private final PinnedRing uploads;
  private final PinnedRing results;
  private long targetCount = 1;

  CudaStepControl(CudaDevice device) {
    this.device = device;
    memory = device.allocate("step control", BYTES);
    uploads = new PinnedRing(device, "step scalars", 16, BEGIN_BYTES);
    results = new PinnedRing(device, "step results", MOST_PENDING, BYTES);
    device.stream().zero(memory.address(), BYTES);
    begin(new StepInputs(0, 0, 0, 0, 1, 1));
    scaleLoss(LossScaling.OFF, LossScale.NONE);
  }

  /** Where kernels find the structure. */
  long address() {
    return memory.address();
  }

  @Override
  public void begin(StepInputs inputs) {
    float gradientScale = inputs.targetCount() == 0 ? 0 : inputs.lossScale() / inputs.targetCount();
    MemorySegment slot = uploads.take(BEGIN_BYTES);
    slot.set(LONG, SEED, inputs.seed());
    slot.set(INT, STEP, inputs.step());
    slot.set(INT, FIRST_SAMPLE, 0);
    slot.set(FLOAT, LEARNING_RATE, inputs.learningRate());
    slot.set(FLOAT, CLIP_NORM, inputs.clipNorm());
    slot.set(FLOAT, LOSS_SCALE, inputs.lossScale());
    slot.set(FLOAT, LOSS_GRADIENT_SCALE, gradientScale);
    slot.set(DOUBLE, LOSS_SUM, 0);
    slot.set(DOUBLE, GRADIENT_NORM, Double.NaN);
    slot.set(FLOAT, CLIP_FACTOR, 1);
    slot.set(FLOAT, GRADIENT_FACTOR, 1 / inputs.lossScale());
    slot.set(LONG, SKIPPED, 0);
    send(slot, 0);
    targetCount = inputs.targetCount();
  }

  @Override
  public void microBatch(int firstSample) {
    MemorySegment slot = uploads.take(Integer.BYTES);
    slot.set(INT, 0, firstSample);
    send(slot, FIRST_SAMPLE);
  }

  @Override
  public void restoreUpdates(long updates) {
    MemorySegment slot = uploads.take(Long.BYTES);
    slot.set(LONG, 0, updates);
    send(slot, UPDATES);
    sendFlag(false, HALTED);
  }

  @Override
  public void haltAfterSkip(boolean halt) {
    sendFlag(halt, HALT_AFTER_SKIP);
  }

  @Override
  public void scaleLoss(LossScaling scaling, LossScale from) {
    MemorySegment slot = uploads.take(SCALING_END - DYNAMIC_SCALE);
    slot.set(FLOAT, 0, from.value());
    slot.set(INT, GOOD_STEPS - DYNAMIC_SCALE, from.goodSteps());
    slot.set(FLOAT, GROWTH_FACTOR - DYNAMIC_SCALE, scaling.growthFactor());
    slot.set(FLOAT, BACKOFF_FACTOR - DYNAMIC_SCALE, scaling.backoffFactor());
    slot.set(INT, GROWTH_INTERVAL - DYNAMIC_SCALE, scaling.growthInterval());
    slot.set(FLOAT, LOWEST_SCALE - DYNAMIC_SCALE, scaling.lowest());
    send(slot, DYNAMIC_SCALE);
  }

  private void sendFlag(boolean flag, long offset) {
    MemorySegment slot = uploads.take(Integer.BYTES);
    slot.set(INT, 0, flag ? 1 : 0);
    send(slot, offset);
  }

  private void send(MemorySegment slot, long offset) {
    device.stream().upload(slot, memory.address() + offset);
    uploads.given(device.stream());
  }

  @Override
  public StepOutputs read() {
    return readLater().get();
  }

  @Override
  public Supplier<StepOutputs> readLater() {
    device.stream().download(memory.address(), results.take(BYTES));
    results.given(device.stream());
    int slot = results.current();
    long targets = targetCount;
    return () -> outputs(results.await(slot, BYTES), targets);
  }

  private static StepOutputs outputs(MemorySegment r, long targetCount) {
    double loss = targetCount == 0 ? Double.NaN : r.get(DOUBLE, LOSS_SUM) / targetCount;
    return new StepOutputs(
        loss,
        r.get(DOUBLE, GRADIENT_NORM),
        r.get(FLOAT, CLIP_FACTOR),
        r.get(INT, SKIPPED) != 0,
        r.get(LONG, UPDATES),
        new LossScale(r.get(FLOAT, DYNAMIC_SCALE), r.get(INT, GOOD_STEPS)));
  }

  @Override
  public void close() {
    results.close();
    uploads.close();
    memory.close();
  }
}
