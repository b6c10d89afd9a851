package io.gptjava.train.run;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The folder of a run, held under an operating-system lock until {@link #close()}, so that no two
 * processes write to it:
 *
 * <pre>
 * config.json        resolved configuration, with where each value came from
 * environment.json   machine, JDK, backend
 * memory.json        what it allocates, by role
 * metrics.jsonl      what happened ({@link RunLog})
 * samples.txt        generated samples
 * report.html        all of it as one page
 * loss.svg .png .pdf, learning-rate.svg .png .pdf
 * trainer.json       state of the run: newest and best checkpoint
 * checkpoints/000123 numbered by optimizer steps done
 * run.lock
 * </pre>
 */
public final class RunFolder implements AutoCloseable {
  /** The file with what the run allocates. */
  public static final String MEMORY = "memory.json";

  private static final String LOCK = "run.lock";

  private final Path path;
  private final FileChannel lockChannel;
  private final FileLock lock;

  private RunFolder(Path path, FileChannel lockChannel, FileLock lock) {
    this.path = path;
    this.lockChannel = lockChannel;
    this.lock = lock;
  }

  /**
   * Creates the folder of a new run, with its parents; if that fails, nothing of it stays.
   *
   * @throws GptException with {@link Failure#USAGE} if it exists, is in use, or cannot be created
   */
  public static RunFolder create(Path path) {
    try {
      Path parent = path.toAbsolutePath().getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      Files.createDirectory(path);
    } catch (FileAlreadyExistsException e) {
      String other = Files.isDirectory(path) ? "a folder" : "a file";
      if (e.getFile() != null && !Path.of(e.getFile()).equals(path)) {
        throw new GptException(
            Failure.USAGE,
            "--out %s: %s is a file, not a folder; choose another --out"
                .formatted(path, e.getFile()),
            e);
      }
      if (Files.exists(path.resolve(LOCK))) {
        lock(path).close(); // in use is the better message, if it is
        throw new GptException(
            Failure.USAGE,
            "--out %s exists and holds a run; choose another --out, or go on with: gpt resume %s"
                .formatted(path, path),
            e);
      }
      throw new GptException(
          Failure.USAGE,
          "--out %s exists and is %s; choose another --out".formatted(path, other),
          e);
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(path, "choose another --out", e);
    }
    try {
      RunFolder run = lock(path);
      try {
        Files.createDirectory(run.checkpoints());
      } catch (IOException e) {
        run.close();
        throw DurableFiles.cannotWrite(run.checkpoints(), "choose another --out", e);
      }
      return run;
    } catch (RuntimeException e) {
      remove(path, e);
      throw e;
    }
  }

  /**
   * Closes the folder of a run that never began, and removes it.
   *
   * @param cause why; whatever goes wrong here is added to it
   */
  void discard(Throwable cause) {
    close();
    remove(path, cause);
  }

  private static void remove(Path path, Throwable cause) {
    try {
      DurableFiles.deleteTree(path);
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  /**
   * Opens the folder of a run to continue it, and cleans up after saves that were killed.
   *
   * @throws GptException with {@link Failure#USAGE} if there is no run there or it is in use
   */
  public static RunFolder open(Path path) {
    if (!Files.isDirectory(path)) {
      throw new GptException(
          Failure.USAGE,
          "%s is not the folder of a run: no such folder; give the --out of gpt train"
              .formatted(path));
    }
    if (!Files.isDirectory(path.resolve("checkpoints"))) {
      throw new GptException(
          Failure.USAGE,
          "%s is not the folder of a run: it has no checkpoints folder; give the --out of gpt train"
              .formatted(path));
    }
    RunFolder run = lock(path);
    try {
      CheckpointStore.recover(run.checkpoints());
      return run;
    } catch (IOException e) {
      run.close();
      throw DurableFiles.cannotWrite(run.checkpoints(), "check the folder's permissions", e);
    }
  }

  private static RunFolder lock(Path path) {
    Path file = path.resolve(LOCK);
    FileChannel channel = null;
    try {
      channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw new OverlappingFileLockException();
      }
      channel.truncate(0);
      channel.write(
          ByteBuffer.wrap(
              (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII)));
      return new RunFolder(path, channel, lock);
    } catch (OverlappingFileLockException e) {
      String owner = owner(channel);
      closeQuietly(channel);
      throw new GptException(
          Failure.USAGE,
          "%s is in use by another run%s; wait for it to end, stop it, or choose another --out"
              .formatted(path, owner),
          e);
    } catch (IOException e) {
      closeQuietly(channel);
      throw DurableFiles.cannotWrite(file, "choose an --out on a writable disk", e);
    }
  }

  private static String owner(FileChannel channel) {
    try {
      ByteBuffer bytes = ByteBuffer.allocate(32);
      channel.read(bytes, 0);
      String pid = new String(bytes.array(), StandardCharsets.US_ASCII).trim();
      return pid.isEmpty() ? "" : " (process " + pid + ")";
    } catch (IOException _) {
      return ""; // some systems lock reading too; the message does without
    }
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException _) {
      // nothing was written through it
    }
  }

  /** The folder. */
  public Path path() {
    return path;
  }

  /** Where checkpoints are. */
  public Path checkpoints() {
    return path.resolve("checkpoints");
  }

  /** Where the log of the run is. */
  public Path metrics() {
    return path.resolve(RunHistory.FILE);
  }

  /** Writes the resolved configuration, whole or not at all. */
  public void writeConfig(JsonNode config) {
    write("config.json", config);
  }

  /** Writes the description of machine and software. */
  public void writeEnvironment(Environment environment) {
    write("environment.json", environment.toJson());
  }

  /** Writes what the run allocates. */
  public void writeMemory(MemoryLedger ledger) {
    write(MEMORY, ledger.toJson());
  }

  /** Writes the state of the run. */
  public void writeState(RunState state) {
    write(RunState.FILE, state.toJson());
  }

  /** The resolved configuration as it was written. */
  public JsonNode readConfig() {
    return readConfig(path);
  }

  /**
   * The resolved configuration of a run, without its lock.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is missing or damaged
   */
  public static JsonNode readConfig(Path run) {
    return readJson(run.resolve("config.json"));
  }

  /**
   * A JSON object from a file of a run.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is missing or damaged
   */
  public static JsonNode readJson(Path file) {
    try {
      JsonNode node = Json.MAPPER.readTree(Files.readAllBytes(file));
      if (!node.isObject()) {
        throw new GptException(
            Failure.CHECKPOINT, "%s is damaged: it is not a JSON object".formatted(file));
      }
      return node;
    } catch (JacksonException e) {
      throw new GptException(
          Failure.CHECKPOINT, "%s is damaged: %s".formatted(file, Json.reason(e)), e);
    } catch (IOException e) {
      throw new GptException(
          Failure.CHECKPOINT, "Cannot read %s: %s".formatted(file, DurableFiles.reason(e)), e);
    }
  }

  private void write(String name, JsonNode content) {
    Path file = path.resolve(name);
    try {
      DurableFiles.replace(file, Json.pretty(content));
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(file, "continue with: gpt resume " + path, e);
    }
  }

  @Override
  public void close() {
    try {
      lock.release();
      lockChannel.close();
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(path.resolve(LOCK), "check the disk", e);
    }
  }
}
