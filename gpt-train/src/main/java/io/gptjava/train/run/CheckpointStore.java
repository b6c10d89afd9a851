package io.gptjava.train.run;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.train.model.ParameterLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;

/**
 * Writes the checkpoints of a run: folders named by the number of optimizer steps done, whole or
 * not at all. A save goes to a temporary sibling; every file is forced to disk, the manifest last;
 * then the folder is renamed. So a process that dies at any point leaves the earlier checkpoints,
 * and at most a temporary folder that the next opening removes.
 */
public final class CheckpointStore {
  private static final String TEMPORARY = ".tmp-";
  private static final String REPLACED = ".old-";

  /** What a checkpoint needs beyond its tensors: headers and small files. */
  private static final long SLACK_BYTES = 4L << 20;

  private final Path run;
  private final Path folder;
  private final FreeSpace freeSpace;

  /** Bytes that can still be written to where a folder is. */
  interface FreeSpace {
    long bytes(Path folder) throws IOException;
  }

  /** The checkpoints of a run, which {@link RunFolder#open} has cleaned up. */
  public CheckpointStore(RunFolder run) {
    this(run, path -> Files.getFileStore(path).getUsableSpace());
  }

  CheckpointStore(RunFolder run, FreeSpace freeSpace) {
    this.run = run.path();
    this.folder = run.checkpoints();
    this.freeSpace = freeSpace;
  }

  /** Cleans up after processes that were killed; the run must be locked. */
  static void recover(Path folder) throws IOException {
    for (String name : Checkpoints.names(folder)) {
      if (name.startsWith(REPLACED)) {
        Path original = folder.resolve(name.substring(REPLACED.length()));
        if (Files.exists(original)) {
          remove(folder.resolve(name));
        } else {
          DurableFiles.rename(folder.resolve(name), original);
        }
      }
    }
    for (String name : Checkpoints.names(folder)) {
      if (name.startsWith(TEMPORARY)) {
        DurableFiles.deleteTree(folder.resolve(name));
      }
    }
  }

  /**
   * Writes a checkpoint and removes those that need not be kept. An existing one of the same number
   * is replaced.
   *
   * @param keep newest checkpoints to keep besides the best; 0 for all
   * @return its folder
   * @throws GptException with {@link Failure#CAPACITY} if the disk is full; earlier checkpoints are
   *     as they were
   */
  public Path save(
      Backend backend,
      ParameterLayout layout,
      OptimizerState state,
      CheckpointInfo info,
      int keep) {
    String name = Checkpoints.folderName(info.state().step());
    Path target = folder.resolve(name);
    Path temporary = folder.resolve(TEMPORARY + name + "-" + ProcessHandle.current().pid());
    try {
      checkSpace(name, layout);
      DurableFiles.deleteTree(temporary);
      Files.createDirectory(temporary);
      Checkpoint.write(temporary, backend, layout, state, info);
      DurableFiles.forceFolder(temporary);
      replace(temporary, target, folder.resolve(REPLACED + name));
    } catch (IOException e) {
      throw failed(name, temporary, DurableFiles.reason(e), e);
    } catch (GptException e) {
      throw e.failure() == Failure.CAPACITY && e.getCause() instanceof IOException cause
          ? failed(name, temporary, DurableFiles.reason(cause), cause)
          : e;
    }
    prune(info.state().step(), keep);
    return target;
  }

  private static void replace(Path temporary, Path target, Path replaced) throws IOException {
    boolean exists = Files.exists(target);
    if (exists) {
      DurableFiles.rename(target, replaced);
    }
    try {
      DurableFiles.rename(temporary, target);
    } catch (IOException e) {
      if (exists) {
        DurableFiles.rename(replaced, target);
      }
      throw e;
    }
    if (exists) {
      remove(replaced);
    }
  }

  private void checkSpace(String name, ParameterLayout layout) throws IOException {
    long values = 0;
    for (ParameterLayout.Parameter parameter : layout.parameters()) {
      values += parameter.logicalCount();
    }
    long needed = 3 * values * Float.BYTES + SLACK_BYTES;
    long free = freeSpace.bytes(folder);
    if (free < needed) {
      throw new GptException(
          Failure.CAPACITY,
          """
          Cannot save checkpoint %s: it needs %,d MB and the disk of %s has %,d MB free
          %s"""
              .formatted(name, needed / 1_000_000, folder, free / 1_000_000, remedy()));
    }
  }

  private GptException failed(String name, Path temporary, String reason, IOException e) {
    try {
      DurableFiles.deleteTree(temporary);
    } catch (IOException suppressed) {
      e.addSuppressed(suppressed); // the next opening tries again
    }
    return new GptException(
        Failure.CAPACITY,
        "Cannot save checkpoint %s in %s: %s\n%s".formatted(name, folder, reason, remedy()),
        e);
  }

  private String remedy() {
    OptionalLong latest = Checkpoints.latest(run);
    return latest.isEmpty()
        ? "Free some disk space, or choose an --out on another disk"
        : "Free some disk space, then continue from checkpoint %s with: gpt resume %s"
            .formatted(Checkpoints.folderName(latest.getAsLong()), run);
  }

  /** Keeps the newest, the best, and the one just written. */
  private void prune(long written, int keep) {
    if (keep <= 0) {
      return;
    }
    List<Long> steps = Checkpoints.list(run);
    Set<Long> kept = new TreeSet<>(steps.subList(Math.max(0, steps.size() - keep), steps.size()));
    kept.add(written);
    Checkpoints.best(run).ifPresent(kept::add);
    List<Long> surplus = new ArrayList<>(steps);
    surplus.removeAll(kept);
    surplus.forEach(this::delete);
  }

  /**
   * Deletes the checkpoints after a step: those of the future that a run leaves when it goes back.
   * Best called after its first save, so that the run always has a checkpoint.
   *
   * @param step number of the last checkpoint to keep
   */
  public void discardAfter(long step) {
    Checkpoints.list(run).stream().filter(later -> later > step).forEach(this::delete);
  }

  private void delete(long step) {
    try {
      remove(Checkpoints.folder(run, step));
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(
          Checkpoints.folder(run, step), "check the folder's permissions", e);
    }
  }

  /** Renames a folder before deleting it, so that no half of a checkpoint keeps its name. */
  private static void remove(Path checkpoint) throws IOException {
    Path temporary = checkpoint.resolveSibling(TEMPORARY + "gone-" + checkpoint.getFileName());
    DurableFiles.deleteTree(temporary);
    DurableFiles.rename(checkpoint, temporary);
    DurableFiles.deleteTree(temporary);
  }
}
