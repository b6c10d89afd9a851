package io.gptjava.train.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Puts folders in place, replaces and removes them so that a crash leaves no half of one. */
final class FolderSwap {
  private static final String TEMPORARY = ".tmp-";
  private static final String REPLACED = ".old-";

  private FolderSwap() {}

  /** Where to prepare a folder: a sibling that {@link #recover} knows. */
  static Path temporary(Path target) {
    return target.resolveSibling(
        TEMPORARY + target.getFileName() + "-" + ProcessHandle.current().pid());
  }

  /** Removes what killed processes left; a folder that was being replaced comes back. */
  static void recover(Path folder) throws IOException {
    for (String name : names(folder)) {
      if (name.startsWith(REPLACED)) {
        Path original = folder.resolve(name.substring(REPLACED.length()));
        if (Files.exists(original)) {
          remove(folder.resolve(name));
        } else {
          DurableFiles.rename(folder.resolve(name), original);
        }
      }
    }
    for (String name : names(folder)) {
      if (name.startsWith(TEMPORARY)) {
        DurableFiles.deleteTree(folder.resolve(name));
      }
    }
  }

  /** Renames a complete folder to its name, in the place of an earlier one. */
  static void replace(Path temporary, Path target) throws IOException {
    Path replaced = target.resolveSibling(REPLACED + target.getFileName());
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

  /** Renames a folder before deleting it, so that no half of a checkpoint keeps its name. */
  static void remove(Path checkpoint) throws IOException {
    Path temporary = checkpoint.resolveSibling(TEMPORARY + "gone-" + checkpoint.getFileName());
    DurableFiles.deleteTree(temporary);
    DurableFiles.rename(checkpoint, temporary);
    DurableFiles.deleteTree(temporary);
  }

  /** Names of what is in a folder, sorted. */
  static List<String> names(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    }
  }
}
