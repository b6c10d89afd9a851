package io.gptjava.benchmarks.peers;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import io.gptjava.core.Tensor;
import io.gptjava.core.reference.ReferenceBackend;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.TokenBuffer;
import io.gptjava.train.data.WindowLoader;
import io.gptjava.train.formats.ModelWeights;
import io.gptjava.train.model.ModelTensors;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import io.gptjava.train.model.WeightInitializer;
import io.gptjava.train.run.ModelFolderWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Writes the folder that all peers read: {@link PeerTask}. */
final class PeerPreparation {
  private static final long SEED = 1;

  private PeerPreparation() {}

  /**
   * Writes it.
   *
   * @param folder does not exist yet
   * @param model shape
   * @param text to take tokens from, in windows of T tokens in shuffled order; empty for random
   *     tokens
   * @param batches how many different ones
   */
  static PeerTask write(
      Path folder, GptConfig model, int batch, int sequence, Optional<Path> text, int batches)
      throws IOException {
    Files.createDirectories(folder);
    try (FreshWeights weights = new FreshWeights(model)) {
      ModelFolderWriter.writeCheckpoint(folder.resolve(PeerTask.MODEL), weights);
    }
    TokenBuffer tokens = new TokenBuffer();
    if (text.isPresent()) {
      tokens.add(new Gpt2Tokenizer().encode(Files.readString(text.get())));
    } else {
      SplittableRandom random = new SplittableRandom(SEED);
      tokens.add(
          random.ints((long) batches * batch * sequence + 1, 0, model.vocabularySize()).toArray());
    }
    WindowLoader loader = new WindowLoader(tokens, sequence, sequence, batch, true, true, SEED);
    PeerTask task = new PeerTask(folder, model, Precision.FP32, batch, sequence, batches, 0, "cpu");
    write(loader, task);
    task.write(text.map(path -> path.getFileName().toString()).orElse("random tokens"));
    return task;
  }

  private static void write(WindowLoader loader, PeerTask task) throws IOException {
    if (loader.batches() == 0) {
      throw new IllegalArgumentException(
          "the text has %,d tokens, a batch takes %,d"
              .formatted(loader.tokens(), task.tokens() + 1));
    }
    Batch batch = new Batch(task.batch(), task.sequence());
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.toIntExact(2 * task.tokens() * Integer.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel =
        FileChannel.open(
            task.batchFile(), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (int i = 0; i < task.batches(); i++) {
        loader.read(i / loader.batches(), i % loader.batches(), batch);
        bytes.clear().asIntBuffer().put(batch.tokens()).put(batch.targets());
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
      }
    }
  }

  /** GPT-2's initial weights of seed 1. */
  private static final class FreshWeights implements ModelWeights {
    private final Backend backend = new ReferenceBackend();
    private final GptConfig config;
    private final Tensor flat;

    FreshWeights(GptConfig config) {
      this.config = config;
      ParameterLayout layout = new ParameterLayout(config);
      flat =
          Tensor.of(
              backend.allocate("weights", layout.size() * Float.BYTES),
              0,
              DType.F32,
              layout.size());
      new WeightInitializer(Initialization.GPT2, SEED, config.layers())
          .initialize(backend, layout, flat);
    }

    @Override
    public Path path() {
      return Path.of("fresh weights");
    }

    @Override
    public GptConfig config() {
      return config;
    }

    @Override
    public List<String> notes() {
      return List.of();
    }

    @Override
    public void copy(Parameter parameter, MemorySegment target) {
      MemorySegment all = ModelTensors.view(flat, parameter).segment();
      target.copyFrom(all.asSlice(0, parameter.logicalCount() * Float.BYTES));
    }

    @Override
    public void close() {
      backend.close();
    }
  }
}
