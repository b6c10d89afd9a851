package io.gptjava.cli.run;

import io.gptjava.cli.config.Presets;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.ModelSize;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The flags nearest to a run's own with which it fits in memory. First those that change no result:
 * a smaller micro-batch, accumulated to the same step, and recomputation; then a shorter window;
 * then a smaller model.
 */
final class MemoryAdvice {
  private final Backend backend;
  private final ResolvedSettings settings;
  private final ModelSize size;
  private final BatchConfig batch;
  private final long available;

  MemoryAdvice(Backend backend, ResolvedSettings settings, TrainConfig config, long available) {
    this.backend = backend;
    this.settings = settings;
    this.size = ModelSize.of(config);
    this.batch = config.batch();
    this.available = available;
  }

  /** One line. */
  String text() {
    List<String> same = new ArrayList<>();
    smallerBatch(size.recompute()).ifPresent(same::add);
    moreRecomputation().ifPresent(same::add);
    if (same.isEmpty() && size.recompute() != Recompute.BLOCK) {
      smallerBatch(Recompute.BLOCK).ifPresent(same::add);
    }
    if (!same.isEmpty()) {
      return "the same run fits with " + String.join(", or with ", same);
    }
    return shorter()
        .or(this::smallerModel)
        .map(flags -> "it fits with " + flags)
        .orElse("no model of this width fits; lower --width or --vocab-size");
  }

  private long bytes(ModelSize candidate) {
    return RunMemory.ledger(backend, candidate).totalBytes();
  }

  private boolean fits(ModelSize candidate) {
    return bytes(candidate) <= available;
  }

  private String told(String flags, ModelSize candidate) {
    return flags + " (" + RunMemory.gib(bytes(candidate)) + ")";
  }

  /** The largest smaller micro-batch that divides the step's sequences. */
  private Optional<String> smallerBatch(Recompute recompute) {
    long sequences = (long) batch.batchSize() * batch.accumulate();
    for (int smaller = size.batch() - 1; smaller >= 1; smaller--) {
      ModelSize candidate = size.withBatch(smaller).withRecompute(recompute);
      if (sequences % smaller == 0 && fits(candidate)) {
        return Optional.of(told(flags(smaller, sequences / smaller, recompute), candidate));
      }
    }
    return Optional.empty();
  }

  private String flags(int batchSize, long accumulate, Recompute recompute) {
    String flags = "--batch-size " + batchSize;
    if (!settings.has("total-batch-tokens")) {
      flags += " --accumulate " + accumulate;
    }
    return recompute == size.recompute() ? flags : flags + " " + flag(recompute);
  }

  private static String flag(Recompute recompute) {
    return "--recompute " + recompute.name().toLowerCase(Locale.ROOT);
  }

  private Optional<String> moreRecomputation() {
    for (Recompute recompute : Recompute.values()) {
      ModelSize candidate = size.withRecompute(recompute);
      if (recompute.compareTo(size.recompute()) > 0 && fits(candidate)) {
        return Optional.of(told(flag(recompute), candidate));
      }
    }
    return Optional.empty();
  }

  private ModelSize least(GptConfig model, int sequence) {
    return new ModelSize(
        model, size.precision(), Recompute.BLOCK, 1, sequence, size.documentsApart(), true);
  }

  private Optional<String> shorter() {
    for (int sequence = size.sequence() / 2; sequence >= 16; sequence /= 2) {
      ModelSize candidate = least(size.config(), sequence);
      if (fits(candidate)) {
        String flags = "--batch-size 1 --recompute block --sequence-length " + sequence;
        if (settings.has("total-batch-tokens")) {
          long tokens = settings.longInteger("total-batch-tokens");
          flags += tokens % sequence == 0 ? "" : " --total-batch-tokens " + sequence;
        }
        return Optional.of(told(flags, candidate));
      }
    }
    return Optional.empty();
  }

  /** The next smaller preset of the family, or fewer layers of a shape of one's own. */
  private Optional<String> smallerModel() {
    Optional<String> preset = smallerPreset();
    if (preset.isPresent()) {
      return preset;
    }
    GptConfig c = size.config();
    for (int layers = c.layers() - 1; layers >= 1; layers--) {
      GptConfig fewer =
          new GptConfig(
              c.vocabularySize(),
              c.contextLength(),
              c.width(),
              layers,
              c.heads(),
              c.dropout(),
              c.qkvBias(),
              c.tieEmbeddings());
      ModelSize candidate = least(fewer, size.sequence());
      if (fits(candidate)) {
        return Optional.of(
            told("--layers %d --batch-size 1 --recompute block".formatted(layers), candidate));
      }
    }
    return Optional.empty();
  }

  private Optional<String> smallerPreset() {
    String own = settings.text("preset");
    boolean shaped =
        List.of("layers", "heads", "width", "init-from").stream().anyMatch(settings::given);
    if (!own.startsWith("gpt2-") || shaped) {
      return Optional.empty();
    }
    List<String> smaller = Presets.NAMES.subList(0, Presets.NAMES.indexOf(own));
    return smaller.reversed().stream()
        .filter(name -> name.startsWith("gpt2-"))
        .map(this::ofPreset)
        .flatMap(Optional::stream)
        .findFirst();
  }

  private Optional<String> ofPreset(String name) {
    GptConfig model = Presets.model(name);
    int sequence = Math.min(size.sequence(), model.contextLength());
    for (Recompute recompute : Recompute.values()) {
      ModelSize candidate = least(model, sequence).withRecompute(recompute);
      if (fits(candidate)) {
        String flags = "--preset " + name + " --batch-size 1";
        return Optional.of(
            told(recompute == Recompute.NONE ? flags : flags + " " + flag(recompute), candidate));
      }
    }
    return Optional.empty();
  }
}
