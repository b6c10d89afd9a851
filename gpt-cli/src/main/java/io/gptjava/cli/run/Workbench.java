package io.gptjava.cli.run;

import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.MemoryPlan;
import io.gptjava.train.model.WeightInitializer;
import io.gptjava.train.run.ConfigFingerprint;
import io.gptjava.train.run.FlatParameters;
import io.gptjava.train.run.MemoryLedger;
import java.util.zip.CRC32C;

/** Backend, tokenizer and data of a run: what must be there before a model is made. */
public final class Workbench implements AutoCloseable {
  private static final int CHECKED_BATCHES = 64;

  private final TrainConfig config;
  private final TextEncoder encoder;
  private final Backend backend;
  private final Datasets data;

  private Workbench(TrainConfig config, TextEncoder encoder, Backend backend, Datasets data) {
    this.config = config;
    this.encoder = encoder;
    this.backend = backend;
    this.data = data;
  }

  /** Reads the data and opens the backend. */
  public static Workbench open(ResolvedSettings settings, TrainConfig config) {
    TextEncoder encoder = encoder(config.model());
    String lengthFlag =
        settings.has("sequence-length")
            ? settings.spelled("sequence-length")
            : settings.spelled("context-length");
    BatchConfig batch = config.batch();
    Datasets data =
        Datasets.load(
            config.data(),
            batch.sequenceLength(),
            lengthFlag,
            batch.batchSize(),
            config.seed(),
            encoder);
    try {
      BackendOptions options =
          new BackendOptions(settings.integer("device"), settings.integer("threads"));
      return new Workbench(
          config, encoder, Backends.open(settings.text("backend"), options), data);
    } catch (RuntimeException e) {
      data.close();
      throw e;
    }
  }

  /**
   * The tokenizer for a model.
   *
   * @throws GptException with {@link Failure#USAGE} if the model lacks some of its tokens
   */
  public static TextEncoder encoder(GptConfig model) {
    TextEncoder encoder = new Gpt2Tokenizer();
    if (model.vocabularySize() < encoder.vocabularySize()) {
      throw new GptException(
          Failure.USAGE,
          "--vocab-size %d is less than the %d tokens of GPT-2's tokenizer; leave it out or raise it"
              .formatted(model.vocabularySize(), encoder.vocabularySize()));
    }
    return encoder;
  }

  /** What each kind of memory will take. */
  public MemoryLedger ledger() {
    BatchConfig batch = config.batch();
    MemoryPlan plan =
        GptModel.plan(
            backend.ops(), config.model(), batch.batchSize(), batch.sequenceLength(), true);
    MemoryLedger.Builder ledger = MemoryLedger.builder();
    for (MemoryPlan.Role role : MemoryPlan.Role.values()) {
      if (plan.bytes(role) > 0) {
        ledger.add(MemoryPlan.name(role), plan.bytes(role), detail(role));
      }
    }
    GptConfig model = config.model();
    long cache =
        2L * model.layers() * model.contextLength() * model.width() * Float.BYTES;
    return ledger.add("cache", cache, "keys and values, for samples").build();
  }

  private String detail(MemoryPlan.Role role) {
    return switch (role) {
      case PARAMETERS, GRADIENTS -> "fp32, one per parameter";
      case OPTIMIZER -> "fp32, two per parameter";
      case ACTIVATIONS ->
          "%d × %d tokens"
              .formatted(config.batch().batchSize(), config.batch().sequenceLength());
      default -> "";
    };
  }

  /** Makes the model; its weights are zero. */
  public GptModel model() {
    SystemMemory.require(ledger().totalBytes());
    BatchConfig batch = config.batch();
    return new GptModel(
        backend, config.model(), batch.batchSize(), batch.sequenceLength(), true);
  }

  /** Gives a model the weights that the run begins with. */
  public void initialize(GptModel model) {
    FlatParameters parameters = parameters(model);
    if (config.initFrom().isPresent()) {
      ModelSource.of(config.initFrom().get()).read(parameters);
    } else {
      new WeightInitializer(config.initialization(), config.seed(), config.model().layers())
          .initialize(backend, model.layout(), model.weights().flat());
    }
  }

  private FlatParameters parameters(GptModel model) {
    return new FlatParameters(backend, model.layout(), model.weights().flat());
  }

  /** Hash of all that decides the result: configuration and data. */
  public String fingerprint() {
    CRC32C checksum = new CRC32C();
    Batch batch = new Batch(data.training().batchSize(), data.training().sequence());
    for (int i = 0; i < Math.min(CHECKED_BATCHES, data.training().batches()); i++) {
      data.training().read(0, i, batch);
      for (int token : batch.tokens()) {
        checksum.update(token);
        checksum.update(token >> Byte.SIZE);
      }
    }
    return ConfigFingerprint.of(config, data.trainingTokens(), checksum.getValue());
  }

  /** Configuration of the run. */
  public TrainConfig config() {
    return config;
  }

  /** Tokenizer of the run. */
  public TextEncoder encoder() {
    return encoder;
  }

  /** What computes. */
  public Backend backend() {
    return backend;
  }

  /** Training and validation data. */
  public Datasets data() {
    return data;
  }

  @Override
  public void close() {
    try {
      backend.close();
    } finally {
      data.close();
    }
  }
}
