package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.corpus.ShardJob;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the paths of {@code --data} or {@code --val-data} stand for: either text files or token
 * shards, in the order given.
 *
 * <p>A file is taken as it is, a shard if its name ends in {@code .bin}. A directory stands for all
 * {@code .txt}, {@code .text}, {@code .md} and {@code .bin} files below it, sorted by path; hidden
 * and empty ones are passed over. A path that does not exist and holds {@code *}, {@code ?}, {@code
 * [} or a brace is a glob as of {@link java.nio.file.FileSystem#getPathMatcher}, sorted too.
 *
 * @param files at least one
 * @param shards whether the files are token shards
 */
public record DataPaths(List<Path> files, boolean shards) {
  private static final String SHARD_ENDING = ".bin";
  private static final List<String> ENDINGS = List.of(".txt", ".text", ".md", SHARD_ENDING);
  private static final Pattern VALIDATION =
      Pattern.compile("(?i)(.*[_.-])?val(id|idation)?([_.-].*)?\\.bin");

  /** Copies the list. */
  public DataPaths {
    files = List.copyOf(files);
  }

  /**
   * Finds the files.
   *
   * @param flag what errors call the paths: {@code --data} or {@code --val-data}
   * @throws GptException with {@link Failure#DATA}
   */
  public static DataPaths resolve(String flag, List<Path> paths) {
    List<Path> files = find(flag, paths, ENDINGS);
    long shards = files.stream().filter(DataPaths::isShard).count();
    if (shards != 0 && shards != files.size()) {
      throw new GptException(
          Failure.DATA,
          "%s mixes text (%s) and token shards (%s); turn the text into shards with gpt tokenize first"
              .formatted(
                  flag,
                  files.stream()
                      .filter(Predicate.not(DataPaths::isShard))
                      .findFirst()
                      .orElseThrow(),
                  files.stream().filter(DataPaths::isShard).findFirst().orElseThrow()));
    }
    if (shards != 0) {
      requireComplete(flag, files);
    }
    return new DataPaths(files, shards != 0);
  }

  /** Part of a data set would pass for all of it. */
  private static void requireComplete(String flag, List<Path> shards) {
    Set<Path> folders = new LinkedHashSet<>();
    shards.forEach(shard -> folders.add(shard.toAbsolutePath().getParent()));
    for (Path folder : folders) {
      if (ShardJob.isIncomplete(folder)) {
        throw new GptException(
            Failure.DATA,
            "%s %s is incomplete: gpt tokenize was interrupted; repeat that command first"
                .formatted(flag, folder));
      }
    }
  }

  /**
   * Divides token shards by their names, as nanoGPT ({@code val.bin}), llm.c ({@code
   * fineweb_val_000000.bin}) and {@code gpt tokenize} give them: with key true those for
   * validation. Text is all for training, and so are shards of which all have such names.
   */
  Map<Boolean, List<Path>> byValidation() {
    Map<Boolean, List<Path>> divided =
        files.stream().collect(Collectors.partitioningBy(file -> shards && isValidation(file)));
    return divided.get(false).isEmpty() ? Map.of(false, files, true, List.of()) : divided;
  }

  private static boolean isValidation(Path shard) {
    return VALIDATION.matcher(shard.getFileName().toString()).matches();
  }

  /**
   * Finds files of any kind.
   *
   * @param flag what errors call the paths
   * @param endings of the names that a directory is searched for, in lower case
   * @throws GptException with {@link Failure#DATA}
   */
  public static List<Path> find(String flag, List<Path> paths, List<String> endings) {
    List<Path> files = new ArrayList<>();
    for (Path path : paths) {
      try {
        add(flag, path, endings, files);
      } catch (IOException e) {
        throw new GptException(
            Failure.DATA, "%s %s cannot be read: %s".formatted(flag, path, e.getMessage()), e);
      }
    }
    return files;
  }

  private static void add(String flag, Path path, List<String> endings, List<Path> files)
      throws IOException {
    if (Files.isDirectory(path)) {
      List<Path> found = below(path, Integer.MAX_VALUE, file -> hasEnding(file, endings));
      if (found.isEmpty()) {
        throw new GptException(
            Failure.DATA,
            "%s %s holds no text: no %s file with anything in it; name the files, or a glob such as '%s'"
                .formatted(flag, path, list(endings), path.resolve("*.csv")));
      }
      files.addAll(found);
    } else if (Files.exists(path)) {
      if (!Files.isRegularFile(path)) {
        throw new GptException(
            Failure.DATA,
            "%s %s is neither a file nor a directory; save its text to a file first"
                .formatted(flag, path));
      }
      if (Files.size(path) == 0) {
        throw new GptException(
            Failure.DATA, "%s %s is empty; give a file with text".formatted(flag, path));
      }
      files.add(path);
    } else if (isGlob(path)) {
      List<Path> found = glob(path);
      if (found.isEmpty()) {
        throw new GptException(
            Failure.DATA,
            "%s %s matches no file with anything in it; check the pattern".formatted(flag, path));
      }
      files.addAll(found);
    } else {
      throw new GptException(
          Failure.DATA,
          "%s %s does not exist (looked in %s); check the path"
              .formatted(flag, path, path.toAbsolutePath().getParent()));
    }
  }

  private static String list(List<String> endings) {
    int last = endings.size() - 1;
    return String.join(", ", endings.subList(0, last)) + " or " + endings.get(last);
  }

  private static List<Path> glob(Path pattern) throws IOException {
    Path root = pattern.isAbsolute() ? pattern.getRoot() : Path.of("");
    int fixed = 0;
    while (fixed < pattern.getNameCount() - 1 && !isGlob(pattern.getName(fixed))) {
      root = root.resolve(pattern.getName(fixed++));
    }
    if (!Files.isDirectory(root)) {
      return List.of();
    }
    Path rest = pattern.subpath(fixed, pattern.getNameCount());
    PathMatcher matcher = pattern.getFileSystem().getPathMatcher("glob:" + rest);
    Path start = root;
    boolean anyDepth = rest.toString().contains("**") || rest.toString().contains("{");
    int depth = anyDepth ? Integer.MAX_VALUE : rest.getNameCount();
    return below(root, depth, file -> matcher.matches(start.relativize(file)));
  }

  private static List<Path> below(Path folder, int depth, Predicate<Path> wanted)
      throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> walk = Files.walk(folder, depth, FileVisitOption.FOLLOW_LINKS)) {
      for (Path file : (Iterable<Path>) walk::iterator) {
        if (Files.isRegularFile(file)
            && !isHidden(folder.relativize(file))
            && wanted.test(file)
            && Files.size(file) > 0) {
          found.add(file);
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    // By text rather than Path::compareTo, which differs from system to system.
    found.sort(Comparator.comparing(Path::toString));
    return found;
  }

  private static boolean isHidden(Path relative) {
    for (Path part : relative) {
      if (part.toString().startsWith(".")) {
        return true;
      }
    }
    return false;
  }

  private static boolean isGlob(Path path) {
    return path.toString().chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
  }

  private static boolean isShard(Path file) {
    return hasEnding(file, List.of(SHARD_ENDING));
  }

  private static boolean hasEnding(Path file, List<String> endings) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return endings.stream().anyMatch(name::endsWith);
  }
}
