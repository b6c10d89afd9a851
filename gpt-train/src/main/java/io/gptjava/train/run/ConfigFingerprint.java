package io.gptjava.train.run;

import io.gptjava.train.config.DataConfig;
import io.gptjava.train.config.SpikeGuardConfig;
import io.gptjava.train.config.TrainConfig;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A hash of those parts of a configuration that decide what a run computes: model, batches,
 * optimizer, precision, spike guard, seed, how the data is cut, and the data. What is watched and
 * kept, the number of workers and where files lie are not among them.
 */
public final class ConfigFingerprint {
  private ConfigFingerprint() {}

  /** Nothing without a guard, as in checkpoints from before there was one. */
  private static String guard(TrainConfig config) {
    SpikeGuardConfig guard = config.keep().spikes();
    return guard.action() == SpikeGuardConfig.Action.OFF ? "" : "\n" + guard;
  }

  /**
   * The fingerprint, 64 hexadecimal digits.
   *
   * @param trainingTokens number of tokens of the training split
   * @param dataChecksum of the training tokens, or 0 if it is not known
   */
  public static String of(TrainConfig config, long trainingTokens, long dataChecksum) {
    DataConfig data = config.data();
    // A record's text has all its components by name; numbers in it are exact.
    String text =
        String.join(
            "\n",
            config.model().toString(),
            config.initialization().toString(),
            config.batch().toString(),
            config.optimizer().toString(),
            config.precision().toString() + guard(config),
            "seed " + config.seed(),
            "ratio " + data.trainRatio(),
            "stride " + data.stride(),
            "shuffle " + data.shuffle(),
            "drop last " + data.dropLast(),
            "tokens " + trainingTokens,
            "checksum " + dataChecksum);
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }
}
