package io.gptjava.train.corpus;

import com.github.luben.zstd.ZstdInputStream;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/**
 * The bytes of a file, decompressed on the way if its name ends in {@code .gz} (RFC 1952, several
 * members too) or {@code .zst} (RFC 8878, windows up to 128 MiB). Memory does not grow with the
 * file. A file that expands beyond a limit, as only one made for that does, is refused.
 */
public final class TextInput extends FilterInputStream {
  /** Times that a compressed file may expand, unless told otherwise; text reaches 3 to 50. */
  public static final long MOST_EXPANSION = 1000;

  /** Smaller outputs do no harm, whatever they came from. */
  private static final long UNGUARDED = 16L << 20;

  private static final int BUFFER = 1 << 16;
  private static final String GZIP = ".gz";
  private static final String ZSTD = ".zst";

  private final Path path;
  private final Counted file;
  private final long mostExpansion;
  private long produced;

  private TextInput(Path path, Counted file, InputStream decompressed, long mostExpansion) {
    super(decompressed);
    this.path = path;
    this.file = file;
    this.mostExpansion = mostExpansion;
  }

  /** Opens a file with the usual limit. */
  public static TextInput open(Path path) throws IOException {
    return open(path, MOST_EXPANSION);
  }

  /**
   * Opens a file.
   *
   * @param mostExpansion times that it may expand; 0 for no limit
   * @throws IOException if it cannot be read or is not of the format that its name says
   */
  public static TextInput open(Path path, long mostExpansion) throws IOException {
    Counted file = new Counted(Files.newInputStream(path));
    try {
      InputStream buffered = new BufferedInputStream(file, BUFFER);
      String name = lowerName(path);
      if (name.endsWith(GZIP)) {
        return new TextInput(path, file, new GZIPInputStream(buffered, BUFFER), mostExpansion);
      } else if (name.endsWith(ZSTD)) {
        return new TextInput(path, file, new ZstdInputStream(buffered), mostExpansion);
      }
      return new TextInput(path, file, buffered, 0);
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /** The name of what is in a file: its own without the ending of a compression, in lower case. */
  public static String contentName(Path path) {
    String name = lowerName(path);
    for (String ending : new String[] {GZIP, ZSTD}) {
      if (name.endsWith(ending)) {
        return name.substring(0, name.length() - ending.length());
      }
    }
    return name;
  }

  private static String lowerName(Path path) {
    return path.getFileName().toString().toLowerCase(Locale.ROOT);
  }

  /** Bytes read from the file so far, compressed as they are. */
  public long fileBytes() {
    return file.count;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
  }

  @Override
  public int read(byte[] target, int at, int length) throws IOException {
    int count = in.read(target, at, length);
    produced += Math.max(count, 0);
    if (mostExpansion > 0
        && produced > UNGUARDED
        && produced / mostExpansion > Math.max(1, file.count)) {
      throw new GptException(
          Failure.DATA,
          ("%s expands to more than %d times its size, as files made to fill a disk do;"
                  + " if it is meant, raise --max-expansion (0: no limit)")
              .formatted(path, mostExpansion));
    }
    return count;
  }

  @Override
  public long skip(long count) throws IOException {
    byte[] buffer = new byte[(int) Math.min(BUFFER, Math.max(count, 1))];
    return Math.max(0, read(buffer, 0, (int) Math.min(buffer.length, count)));
  }

  @Override
  public boolean markSupported() {
    return false;
  }

  /** Counts what is read. */
  private static final class Counted extends FilterInputStream {
    private long count;

    Counted(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      int value = super.read();
      count += value < 0 ? 0 : 1;
      return value;
    }

    @Override
    public int read(byte[] target, int at, int length) throws IOException {
      int read = super.read(target, at, length);
      count += Math.max(read, 0);
      return read;
    }
  }
}
