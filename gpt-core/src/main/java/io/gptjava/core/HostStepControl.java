package io.gptjava.core;

/** {@link StepControl} of backends whose ops run on the host, synchronously. */
public final class HostStepControl implements StepControl {
  private StepInputs inputs = new StepInputs(0, 0, 0, 0, 1, 1);
  private int firstSample;
  private double lossSum;
  private double gradientNorm = Double.NaN;
  private float clipFactor = 1;
  private float gradientFactor = 1;
  private boolean skipped;
  private long updates;
  private boolean haltAfterSkip;
  private boolean halted;
  private LossScaling scaling = LossScaling.OFF;
  private LossScale dynamicScale = LossScale.NONE;

  @Override
  public void begin(StepInputs newInputs) {
    inputs = newInputs;
    firstSample = 0;
    lossSum = 0;
    gradientNorm = Double.NaN;
    clipFactor = 1;
    gradientFactor = 1 / lossScale();
    skipped = false;
  }

  @Override
  public void microBatch(int newFirstSample) {
    firstSample = newFirstSample;
  }

  @Override
  public void restoreUpdates(long newUpdates) {
    updates = newUpdates;
    halted = false;
  }

  @Override
  public void haltAfterSkip(boolean halt) {
    haltAfterSkip = halt;
  }

  @Override
  public void scaleLoss(LossScaling newScaling, LossScale from) {
    scaling = newScaling;
    dynamicScale = from;
  }

  @Override
  public StepOutputs read() {
    double loss = inputs.targetCount() == 0 ? Double.NaN : lossSum / inputs.targetCount();
    return new StepOutputs(loss, gradientNorm, clipFactor, skipped, updates, dynamicScale);
  }

  /** The scalars published by {@link #begin}. */
  public StepInputs inputs() {
    return inputs;
  }

  /** Place of the current micro-batch's first sample in the global batch. */
  public int firstSample() {
    return firstSample;
  }

  /** What a logit's gradient is multiplied by: loss scale over the global number of targets. */
  public float lossGradientScale() {
    return inputs.targetCount() == 0
        ? 0
        : inputs.lossScale() / inputs.targetCount() * dynamicScale.value();
  }

  /** What the step's gradients are multiplied by, in all. */
  private float lossScale() {
    return inputs.lossScale() * dynamicScale.value();
  }

  /** Adds the summed losses of a micro-batch. */
  public void addLoss(double sum) {
    lossSum += sum;
  }

  /**
   * Records the norm of the (still scaled) gradients and derives clip factor, skip flag and the
   * next loss scale: PyTorch's {@code clip_grad_norm_}, factor = clip / (norm + 1e-6), at most 1.
   *
   * @param scaledNorm L2 norm of the gradients as they are in memory
   */
  public void gradientNorm(double scaledNorm) {
    float scale = lossScale();
    boolean finite = Double.isFinite(scaledNorm);
    gradientNorm = scaledNorm / scale;
    skipped = halted || !finite;
    clipFactor = 1;
    if (!skipped && inputs.clipNorm() > 0) {
      clipFactor = (float) Math.min(1, inputs.clipNorm() / (gradientNorm + 1e-6));
    }
    gradientFactor = clipFactor / scale;
    if (!scaling.dynamic()) {
      halted = haltAfterSkip && skipped;
    } else if (!halted) {
      dynamicScale = scaling.next(dynamicScale, finite);
      halted = !finite && scaling.exhausted(dynamicScale);
    }
  }

  /** What the optimizer multiplies gradients by: clip factor over loss scale. */
  public float gradientFactor() {
    return gradientFactor;
  }

  /** Whether the optimizer must write nothing. */
  public boolean skipped() {
    return skipped;
  }

  /** Counts one more optimizer update and returns the count: the t of bias correction. */
  public long nextUpdate() {
    return ++updates;
  }
}
