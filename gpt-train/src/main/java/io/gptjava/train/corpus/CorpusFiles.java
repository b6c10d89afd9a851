package io.gptjava.train.corpus;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.data.DataPaths;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The files of a corpus and how they are read: plain text, or JSON lines where the name ends in
 * {@code .jsonl} or {@code .ndjson}; either compressed with gzip ({@code .gz}) or Zstandard ({@code
 * .zst}).
 *
 * @param files in order
 * @param field of JSON lines that holds the text
 * @param cleaning of the text
 * @param mostExpansion times that a compressed file may expand; 0 for no limit
 */
public record CorpusFiles(List<Path> files, String field, Cleaning cleaning, long mostExpansion) {
  private static final List<String> JSON_LINES = List.of(".jsonl", ".ndjson");

  /** Endings of files that a directory is searched for. */
  private static final List<String> ENDINGS = endings();

  /** Copies the list. */
  public CorpusFiles {
    files = List.copyOf(files);
  }

  private static List<String> endings() {
    List<String> plain = new ArrayList<>(List.of(".txt", ".text", ".md"));
    plain.addAll(JSON_LINES);
    List<String> all = new ArrayList<>(plain);
    for (String ending : plain) {
      all.add(ending + ".gz");
      all.add(ending + ".zst");
    }
    return List.copyOf(all);
  }

  /**
   * Finds the files that paths stand for: files, directories, globs.
   *
   * @param what errors call the paths
   */
  public static List<Path> find(String what, List<Path> paths) {
    return DataPaths.find(what, paths, ENDINGS);
  }

  /** Bytes of all files, as they lie on the disk. */
  public long bytes() {
    long sum = 0;
    for (Path file : files) {
      try {
        sum += Files.size(file);
      } catch (IOException e) {
        throw unreadable(file, e);
      }
    }
    return sum;
  }

  /** Opens a file at a place that its reader gave. */
  PieceReader open(int index, long offset) {
    Path file = files.get(index);
    try {
      TextInput input = TextInput.open(file, mostExpansion);
      try {
        String content = TextInput.contentName(file);
        return JSON_LINES.stream().anyMatch(content::endsWith)
            ? new JsonLines(file.toString(), input, field, offset, cleaning)
            : new TextPieces(file.toString(), input, offset, cleaning);
      } catch (IOException | RuntimeException e) {
        input.close();
        throw e;
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** The error for a file that cannot be read. */
  GptException unreadable(int index, IOException e) {
    return unreadable(files.get(index), e);
  }

  private static GptException unreadable(Path file, IOException e) {
    String reason = e.getMessage() == null ? e.toString() : e.getMessage();
    return new GptException(Failure.DATA, "cannot read %s: %s".formatted(file, reason), e);
  }
}
