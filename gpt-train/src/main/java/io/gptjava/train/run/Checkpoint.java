package io.gptjava.train.run;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.safetensors.SafetensorsFile;
import io.gptjava.core.safetensors.SafetensorsWriter;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * A checkpoint that has been verified: every file has the size and the checksum of its manifest.
 *
 * <pre>
 * model.safetensors config.json tokenizer_config.json
 * vocab.json merges.txt                                 a Hugging Face GPT-2 ({@link ModelFolder})
 * optimizer.safetensors   moments, as NAME.exp_avg and NAME.exp_avg_sq
 * trainer.json            {@link CheckpointInfo}
 * manifest.json           sizes and checksums of the others
 * </pre>
 */
public final class Checkpoint {
  private static final String MOMENTS = "optimizer.safetensors";
  private static final String FIRST = ".exp_avg";
  private static final String SECOND = ".exp_avg_sq";

  private final Path folder;
  private final CheckpointInfo info;

  private Checkpoint(Path folder, CheckpointInfo info) {
    this.folder = folder;
    this.info = info;
  }

  /** Whether a folder is a checkpoint rather than a bare model or something else. */
  public static boolean isCheckpoint(Path folder) {
    return Files.isRegularFile(folder.resolve(Manifest.FILE));
  }

  /**
   * Opens a checkpoint and verifies all of it.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is not whole
   */
  public static Checkpoint open(Path folder) {
    verify(folder);
    return new Checkpoint(folder, CheckpointInfo.read(folder));
  }

  /**
   * Verifies all files of a checkpoint, also of one that holds weights only.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is not whole
   */
  public static void verify(Path folder) {
    findDamage(folder)
        .ifPresent(
            damage -> {
              throw new GptException(
                  Failure.CHECKPOINT, folder + "/" + damage + "; use another checkpoint");
            });
  }

  /** Whether a checkpoint holds weights only, as an import writes it: no run can go on from it. */
  public static boolean isWeightsOnly(Path folder) {
    return isCheckpoint(folder) && !Files.exists(folder.resolve(CheckpointInfo.FILE));
  }

  /** What is wrong with a checkpoint, as "FILE is …"; empty if it is whole. */
  static Optional<String> findDamage(Path folder) {
    try {
      return Manifest.read(folder).findDamage(folder);
    } catch (Manifest.Malformed e) {
      return Optional.of("%s is damaged (%s)".formatted(Manifest.FILE, e.getMessage()));
    } catch (IOException e) {
      return Optional.of(
          "%s is missing or unreadable (%s)".formatted(Manifest.FILE, DurableFiles.reason(e)));
    }
  }

  /** Where it is. */
  public Path folder() {
    return folder;
  }

  /** Where the run stood. */
  public CheckpointInfo info() {
    return info;
  }

  /** Shape of the model. */
  public GptConfig config() {
    Path file = folder.resolve(HuggingFaceConfig.FILE);
    return HuggingFaceConfig.parse(file, RunFolder.readJson(file));
  }

  /** Copies the weights into a model of the same shape. */
  public void readModel(FlatParameters parameters) {
    try (ModelFolder model = ModelFolder.open(folder)) {
      model.read(parameters);
    }
  }

  /**
   * Copies parameters and both moments into a model of the same shape.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if the shapes differ
   */
  public void read(Backend backend, ParameterLayout layout, OptimizerState state) {
    readModel(new FlatParameters(backend, layout, state.parameters()));
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve(MOMENTS))) {
      new FlatParameters(backend, layout, state.firstMoment()).write(moment(file, FIRST));
      new FlatParameters(backend, layout, state.secondMoment()).write(moment(file, SECOND));
    }
  }

  private static FlatParameters.Source moment(SafetensorsFile file, String suffix) {
    return (parameter, memory) -> file.copyFloats(parameter.name() + suffix, memory);
  }

  /**
   * Writes all files of a checkpoint into an empty folder, the manifest last. Weights and moments
   * are written at the same time.
   */
  static void write(
      Path folder,
      Backend backend,
      ParameterLayout layout,
      OptimizerState state,
      CheckpointInfo info)
      throws IOException {
    List<Manifest.Entry> files = new ArrayList<>();
    try (Arena arena = Arena.ofShared();
        ExecutorService second = Executors.newSingleThreadExecutor()) {
      // Only this thread may use the backend; what it reads, any thread may write.
      MemorySegment first = new FlatParameters(backend, layout, state.firstMoment()).read(arena);
      MemorySegment squares = new FlatParameters(backend, layout, state.secondMoment()).read(arena);
      Future<Manifest.Entry> moments =
          second.submit(() -> writeMoments(folder, layout, first, squares));
      files.addAll(
          ModelFolder.write(folder, new FlatParameters(backend, layout, state.parameters())));
      files.add(result(moments));
    }
    files.add(Manifest.write(folder, CheckpointInfo.FILE, info.toJson()));
    new Manifest(files).write(folder);
  }

  private static Manifest.Entry result(Future<Manifest.Entry> written) throws IOException {
    try {
      return written.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case Throwable cause -> throw new IOException(cause);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while saving");
    }
  }

  private static Manifest.Entry writeMoments(
      Path folder, ParameterLayout layout, MemorySegment first, MemorySegment second) {
    List<SafetensorsWriter.Item> items = new ArrayList<>();
    for (Parameter parameter : layout.parameters()) {
      items.add(ModelFolder.item(parameter.name() + FIRST, parameter, first));
      items.add(ModelFolder.item(parameter.name() + SECOND, parameter, second));
    }
    SafetensorsWriter.Written written =
        SafetensorsWriter.write(folder.resolve(MOMENTS), Map.of("format", "pt"), items);
    return new Manifest.Entry(MOMENTS, written.bytes(), written.crc32c());
  }
}
