package io.gptjava.cli.config;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.Precision;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.KeepConfig;
import io.gptjava.train.config.OptimizerConfig;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.SpikeGuardConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.WatchConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** Turns resolved settings into the configuration that the trainer takes. */
public final class TrainConfigs {
  private static final int TOKENS = 50257;

  private final ResolvedSettings settings;

  private TrainConfigs(ResolvedSettings settings) {
    this.settings = settings;
  }

  /**
   * Builds the configuration.
   *
   * @param shapeOf reads the shape of the model that {@code --init-from} names
   * @throws GptException with {@link Failure#USAGE} if values do not fit together
   */
  public static TrainConfig from(ResolvedSettings settings, Function<Path, GptConfig> shapeOf) {
    return new TrainConfigs(settings).build(shapeOf);
  }

  private TrainConfig build(Function<Path, GptConfig> shapeOf) {
    Optional<Path> initFrom = settings.path("init-from");
    GptConfig model = initFrom.map(shapeOf).map(this::adapt).orElseGet(this::model);
    if (model.vocabularySize() < TOKENS) {
      throw usage(
          "%s %d is less than the %d tokens of GPT-2's tokenizer; use a larger one"
              .formatted(settings.spelled("vocab-size"), model.vocabularySize(), TOKENS));
    }
    return new TrainConfig(
        settings.text("preset"),
        data(),
        model,
        initFrom.isPresent()
            ? TrainConfig.Initialization.GPT2
            : choice(TrainConfig.Initialization.class, "initialization"),
        initFrom,
        batch(model),
        optimizer(),
        choice(Precision.class, "precision"),
        choice(Recompute.class, "recompute"),
        settings.longInteger("seed"),
        watch(),
        keep());
  }

  private DataConfig data() {
    double ratio = settings.has("train-ratio") ? settings.number("train-ratio") : 1;
    if (ratio == 0) {
      throw usage(
          "%s 0 leaves nothing to train on; use a share such as 0.9"
              .formatted(settings.spelled("train-ratio")));
    }
    return new DataConfig(
        settings.paths("data"),
        settings.paths("val-data"),
        ratio,
        settings.integer("stride"),
        settings.integer("num-proc"),
        settings.flag("shuffle"),
        settings.flag("drop-last"));
  }

  private GptConfig model() {
    return new GptConfig(
        settings.integer("vocab-size"),
        settings.integer("context-length"),
        settings.integer("width"),
        settings.integer("layers"),
        settings.integer("heads"),
        (float) settings.number("dropout"),
        settings.flag("qkv-bias"),
        settings.flag("tie-embeddings"));
  }

  /** The shape of given weights, with this run's dropout. */
  private GptConfig adapt(GptConfig folder) {
    agree("layers", folder.layers());
    agree("heads", folder.heads());
    agree("width", folder.width());
    agree("vocab-size", folder.vocabularySize());
    agree("qkv-bias", folder.qkvBias());
    agree("tie-embeddings", folder.tieEmbeddings());
    if (settings.has("context-length")) {
      int wanted = settings.integer("context-length");
      if (wanted > folder.contextLength()) {
        throw usage(
            "%s %d is more than the %d positions of --init-from %s; use %d or less"
                .formatted(
                    settings.spelled("context-length"),
                    wanted,
                    folder.contextLength(),
                    settings.text("init-from"),
                    folder.contextLength()));
      }
      if (wanted < folder.contextLength()) {
        throw usage(
            "--init-from %s has %d positions; to train on shorter windows use --sequence-length %d"
                .formatted(settings.text("init-from"), folder.contextLength(), wanted));
      }
    }
    return new GptConfig(
        folder.vocabularySize(),
        folder.contextLength(),
        folder.width(),
        folder.layers(),
        folder.heads(),
        (float) settings.number("dropout"),
        folder.qkvBias(),
        folder.tieEmbeddings());
  }

  private void agree(String key, Object folderValue) {
    if (settings.has(key) && !settings.text(key).equals(folderValue.toString())) {
      // A default such as the vocabulary size is not a wish.
      if (settings.given(key)) {
        throw usage(
            "%s %s contradicts --init-from %s, which has %s; leave it out"
                .formatted(
                    settings.spelled(key),
                    settings.text(key),
                    settings.text("init-from"),
                    folderValue));
      }
    }
  }

  /**
   * Whether the micro-batch is for the program to choose: tokens of a step are given and its size
   * is not. Until then it is the preset's, or the next smaller one that divides the step.
   */
  public static boolean choosesBatch(ResolvedSettings settings) {
    return settings.given("total-batch-tokens") && !settings.given("batch-size");
  }

  private BatchConfig batch(GptConfig model) {
    int sequence = settings.optionalInteger("sequence-length").orElse(model.contextLength());
    if (sequence > model.contextLength()) {
      throw usage(
          "%s %d is more than the model's context length %d; lower it or raise --context-length"
              .formatted(settings.spelled("sequence-length"), sequence, model.contextLength()));
    }
    int batchSize = settings.integer("batch-size");
    if (choosesBatch(settings)) {
      long sequences = sequences(sequence, 1, "the sequence length = " + sequence);
      batchSize = largestDivisor(sequences, batchSize);
    }
    return new BatchConfig(batchSize, sequence, accumulate(batchSize, sequence), duration());
  }

  /** The largest divisor of a number that is not above another, both at least 1. */
  public static int largestDivisor(long number, int most) {
    int divisor = (int) Math.min(number, most);
    while (number % divisor != 0) {
      divisor--;
    }
    return divisor;
  }

  private int accumulate(int batchSize, int sequence) {
    return settings.has("total-batch-tokens")
        ? sequences(
            sequence, batchSize, "batch size × sequence length = " + batchSize + " × " + sequence)
        : settings.integer("accumulate");
  }

  /** How many micro-batches of so many sequences the tokens of a step are. */
  private int sequences(int sequence, int batchSize, String divisor) {
    long total = settings.longInteger("total-batch-tokens");
    long micro = (long) batchSize * sequence;
    if (total % micro == 0) {
      return Math.toIntExact(total / micro);
    }
    long below = total / micro * micro;
    long above = below + micro;
    throw usage(
        "%s %d is not a multiple of %s; use %s"
            .formatted(
                settings.spelled("total-batch-tokens"),
                total,
                divisor,
                below == 0 ? above : below + " or " + above));
  }

  private Duration duration() {
    for (Duration.Unit unit : Duration.Unit.values()) {
      String key = unit.name().toLowerCase(Locale.ROOT);
      if (settings.has(key)) {
        return new Duration(unit, settings.longInteger(key));
      }
    }
    throw new IllegalStateException("no duration in preset " + settings.text("preset"));
  }

  private OptimizerConfig optimizer() {
    for (String beta : List.of("beta1", "beta2")) {
      if (settings.number(beta) >= 1) {
        throw usage(
            "%s %s must be less than 1".formatted(settings.spelled(beta), settings.text(beta)));
      }
    }
    double peak = settings.number("lr");
    for (String key : List.of("min-lr", "initial-lr")) {
      if (settings.number(key) > peak) {
        throw usage(
            "%s %s is more than --lr %s; lower it"
                .formatted(settings.spelled(key), settings.text(key), settings.text("lr")));
      }
    }
    return new OptimizerConfig(
        new AdamWSettings(
            (float) settings.number("beta1"),
            (float) settings.number("beta2"),
            (float) settings.number("eps"),
            (float) settings.number("weight-decay"),
            stochasticRounding()),
        settings.flag("decay-all"),
        peak,
        settings.number("initial-lr"),
        settings.number("min-lr"),
        choice(OptimizerConfig.Schedule.class, "schedule"),
        settings.optionalInteger("warmup-steps").orElse(0),
        settings.has("warmup-ratio") ? settings.number("warmup-ratio") : 0,
        settings.number("clip-norm"),
        settings.flag("clip-after-warmup"));
  }

  private boolean stochasticRounding() {
    boolean chosen = settings.flag("stochastic-rounding");
    if (chosen && choice(Precision.class, "precision") != Precision.BF16) {
      throw usage(
          "%s rounds the weights of bf16, but the precision is %s; add --precision bf16"
              .formatted(settings.spelled("stochastic-rounding"), settings.text("precision")));
    }
    return chosen;
  }

  private WatchConfig watch() {
    return new WatchConfig(
        settings.cadence("eval-every"),
        settings.integer("eval-batches"),
        settings.cadence("sample-every"),
        settings.text("sample-prompt"),
        settings.integer("sample-tokens"),
        Set.of(settings.text("log").split(",")));
  }

  private KeepConfig keep() {
    return new KeepConfig(
        settings.cadence("save-every"),
        settings.integer("keep"),
        choice(KeepConfig.OnNan.class, "on-nan"),
        settings.integer("stop-after-no-improvement"),
        spikeGuard());
  }

  private SpikeGuardConfig spikeGuard() {
    double threshold = settings.number("spike-threshold");
    if (threshold == 0) {
      throw usage(
          "%s 0 makes a spike of every step; use 6 or so"
              .formatted(settings.spelled("spike-threshold")));
    }
    int window = settings.integer("spike-window");
    if (window < 2) {
      throw usage(
          "%s %d is too few steps to have a deviation; use 100 or so"
              .formatted(settings.spelled("spike-window"), window));
    }
    return new SpikeGuardConfig(
        choice(SpikeGuardConfig.Action.class, "spike-guard"), threshold, window);
  }

  private <E extends Enum<E>> E choice(Class<E> type, String key) {
    return Enum.valueOf(type, settings.text(key).toUpperCase(Locale.ROOT));
  }

  private static GptException usage(String message) {
    return new GptException(Failure.USAGE, message);
  }
}
