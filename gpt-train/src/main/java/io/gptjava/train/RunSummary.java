package io.gptjava.train;

/**
 * How training went, from its beginning or resumption to its end. NaN is what nobody knows.
 *
 * @param trainingSeconds of the steps alone, without evaluating, sampling and saving
 * @param tokensPerSecond tokens of these steps over that time
 * @param mfuDatasheet useful FLOP/s as a share of what the device's data sheet promises
 * @param mfuMeasured the same as a share of what the largest product of a block reached, measured
 *     at the end; NaN after less than ten seconds of training
 * @param lastLoss of the last step
 * @param lastValidationLoss measured last
 * @param bestValidationLoss lowest validation loss of the run
 * @param bestStep steps done when it was found; −1 for none
 * @param peakMemoryBytes most memory that the process had resident; −1 where the system does not
 *     tell
 */
public record RunSummary(
    double trainingSeconds,
    double tokensPerSecond,
    double mfuDatasheet,
    double mfuMeasured,
    double lastLoss,
    double lastValidationLoss,
    double bestValidationLoss,
    long bestStep,
    long peakMemoryBytes) {
  /** Nothing is known. */
  public static final RunSummary UNKNOWN =
      new RunSummary(
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          -1,
          -1);
}
