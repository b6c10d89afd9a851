package io.gptjava.core;

/** {@link StepControl} of backends whose ops run on the host, synchronously. */
public final class HostStepControl implements StepControl {
  private StepInputs inputs = new StepInputs(0, 0, 0, 0, 1, 1);
  private int firstSample;
  private double lossSum;
  private double gradientNorm = Double.NaN;
  private float clipFactor = 1;
  private boolean skipped;
  private long updates;
  private boolean haltAfterSkip;
  private boolean halted;

  @Override
  public void begin(StepInputs newInputs) {
    inputs = newInputs;
    firstSample = 0;
    lossSum = 0;
    gradientNorm = Double.NaN;
    clipFactor = 1;
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
  public StepOutputs read() {
    double loss = inputs.targetCount() == 0 ? Double.NaN : lossSum / inputs.targetCount();
    return new StepOutputs(loss, gradientNorm, clipFactor, skipped, updates);
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
    return inputs.targetCount() == 0 ? 0 : inputs.lossScale() / inputs.targetCount();
  }

  /** Adds the summed losses of a micro-batch. */
  public void addLoss(double sum) {
    lossSum += sum;
  }

  /**
   * Records the norm of the (still scaled) gradients and derives clip factor and skip flag:
   * PyTorch's {@code clip_grad_norm_}, factor = clip / (norm + 1e-6), at most 1.
   *
   * @param scaledNorm L2 norm of the gradients as they are in memory
   */
  public void gradientNorm(double scaledNorm) {
    gradientNorm = scaledNorm / inputs.lossScale();
    skipped = halted || !Double.isFinite(scaledNorm);
    halted = haltAfterSkip && skipped;
    clipFactor = 1;
    if (!skipped && inputs.clipNorm() > 0) {
      clipFactor = (float) Math.min(1, inputs.clipNorm() / (gradientNorm + 1e-6));
    }
  }

  /** What the optimizer multiplies gradients by: clip factor over loss scale. */
  public float gradientFactor() {
    return clipFactor / inputs.lossScale();
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
