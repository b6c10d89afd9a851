package io.gptjava.train.run;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** Finds and opens the checkpoints of a run; reads only, so it needs no lock. */
public final class Checkpoints {
  private Checkpoints() {}

  /** Name of a checkpoint's folder. */
  static String folderName(long step) {
    return "%06d".formatted(step);
  }

  /** The number in a checkpoint folder's name; empty for other names. */
  static OptionalLong number(String name) {
    return name.matches("\\d{6,18}") ? OptionalLong.of(Long.parseLong(name)) : OptionalLong.empty();
  }

  /**
   * The checkpoints of a run, oldest first.
   *
   * @param run its folder
   */
  public static List<Long> list(Path run) {
    Path folder = run.resolve("checkpoints");
    try {
      return Files.isDirectory(folder)
          ? names(folder).stream()
              .map(Checkpoints::number)
              .flatMapToLong(OptionalLong::stream)
              .sorted()
              .boxed()
              .toList()
          : List.of();
    } catch (IOException e) {
      throw new GptException(
          Failure.CHECKPOINT, "Cannot read %s: %s".formatted(folder, DurableFiles.reason(e)), e);
    }
  }

  /** Folder of a checkpoint, whether it exists or not. */
  public static Path folder(Path run, long step) {
    return run.resolve("checkpoints").resolve(folderName(step));
  }

  /** Newest checkpoint of a run. */
  public static OptionalLong latest(Path run) {
    List<Long> steps = list(run);
    return steps.isEmpty() ? OptionalLong.empty() : OptionalLong.of(steps.getLast());
  }

  /**
   * The checkpoint with the lowest validation loss, the earliest of equals.
   *
   * @return empty if none has one
   */
  public static OptionalLong best(Path run) {
    record Candidate(long step, double loss) {}
    return list(run).stream()
        .map(step -> new Candidate(step, validationLoss(folder(run, step))))
        .filter(candidate -> !Double.isNaN(candidate.loss()))
        .min(Comparator.comparingDouble(Candidate::loss).thenComparingLong(Candidate::step))
        .map(candidate -> OptionalLong.of(candidate.step()))
        .orElse(OptionalLong.empty());
  }

  private static double validationLoss(Path checkpoint) {
    try {
      return CheckpointInfo.read(checkpoint).validationLoss();
    } catch (GptException _) {
      return Double.NaN; // damaged: opening it will say so
    }
  }

  /**
   * Opens and verifies a checkpoint of a run.
   *
   * @throws GptException with {@link Failure#USAGE} if there is no such checkpoint, {@link
   *     Failure#CHECKPOINT} if it is damaged; the message names the newest one that is whole
   */
  public static Checkpoint open(Path run, long step) {
    Path checkpoint = folder(run, step);
    if (!Files.isDirectory(checkpoint)) {
      List<Long> steps = list(run);
      throw new GptException(
          Failure.USAGE,
          "%s has no checkpoint %s; %s"
              .formatted(
                  run,
                  folderName(step),
                  steps.isEmpty()
                      ? "it has none"
                      : "it has "
                          + String.join(
                              ", ", steps.stream().map(Checkpoints::folderName).toList())));
    }
    Optional<String> damage = Checkpoint.findDamage(checkpoint);
    if (damage.isPresent()) {
      throw new GptException(
          Failure.CHECKPOINT,
          "checkpoints/%s/%s: %s".formatted(folderName(step), damage.get(), advice(run, step)));
    }
    return Checkpoint.open(checkpoint);
  }

  private static String advice(Path run, long damaged) {
    return list(run).reversed().stream()
        .filter(step -> step != damaged && Checkpoint.findDamage(folder(run, step)).isEmpty())
        .findFirst()
        .map(
            step ->
                "last good is %s\nContinue from it with: gpt resume %s --from %d"
                    .formatted(folderName(step), run, step))
        .orElse("no other checkpoint of this run is good; start it anew");
  }

  /**
   * Opens and verifies the newest checkpoint of a run.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is damaged or there is none
   */
  public static Checkpoint openLatest(Path run) {
    OptionalLong step = latest(run);
    if (step.isEmpty()) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s has no checkpoint: it stopped before its first; start it anew with gpt train"
              .formatted(run));
    }
    return open(run, step.getAsLong());
  }

  /**
   * Opens the model that a path leads to: a run (its newest checkpoint), a checkpoint, or a Hugging
   * Face folder. Checkpoints are verified.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if there is no model or it is damaged
   */
  public static ModelFolder openModel(Path path) {
    if (Files.isDirectory(path.resolve("checkpoints"))) {
      return ModelFolder.open(openLatest(path).folder());
    }
    if (Checkpoint.isCheckpoint(path)) {
      Checkpoint.verify(path);
    }
    return ModelFolder.open(path);
  }

  static List<String> names(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    }
  }
}
