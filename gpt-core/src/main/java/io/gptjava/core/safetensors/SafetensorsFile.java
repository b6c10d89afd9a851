package io.gptjava.core.safetensors;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;

/**
 * A safetensors file, memory-mapped for reading: 8 bytes of header length (little-endian), a JSON
 * header, then the tensors' bytes, little-endian and row-major. Nothing in the file is trusted; see
 * {@link SafetensorsHeader}. Every failure is a {@link GptException} with {@link
 * Failure#CHECKPOINT} that names the file and the reason.
 *
 * <p>May be read by several threads; {@link #close()} unmaps it.
 */
public final class SafetensorsFile implements AutoCloseable {
  private static final int LENGTH_BYTES = 8;

  private final Path path;
  private final Arena arena;
  private final SafetensorsHeader header;
  private final MemorySegment data;

  private SafetensorsFile(Path path, Arena arena, SafetensorsHeader header, MemorySegment data) {
    this.path = path;
    this.arena = arena;
    this.header = header;
    this.data = data;
  }

  /** Opens and validates a file. */
  public static SafetensorsFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw failure(path, Files.exists(path) ? "it is not a file" : "it does not exist", null);
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      SafetensorsHeader header;
      long headerLength = readLength(path, channel, size);
      try {
        header = SafetensorsHeader.parse(read(channel, LENGTH_BYTES, (int) headerLength));
      } catch (SafetensorsHeader.Malformed e) {
        throw failure(path, e.getMessage(), null);
      }
      long begin = LENGTH_BYTES + headerLength;
      if (header.dataBytes() > size - begin) {
        throw truncated(path, "its header describes %d bytes", begin, header.dataBytes(), size);
      }
      if (header.dataBytes() < size - begin) {
        throw failure(
            path,
            (size - begin - header.dataBytes()) + " bytes follow its last tensor: it is not whole",
            null);
      }
      MemorySegment data =
          channel.map(FileChannel.MapMode.READ_ONLY, begin, header.dataBytes(), arena);
      return new SafetensorsFile(path, arena, header, data);
    } catch (IOException e) {
      arena.close();
      throw failure(path, "it cannot be read: " + e.getMessage(), e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static long readLength(Path path, FileChannel channel, long size) throws IOException {
    if (size < LENGTH_BYTES) {
      throw truncated(path, "a header needs %d bytes", LENGTH_BYTES, 0, size);
    }
    long length =
        ByteBuffer.wrap(read(channel, 0, LENGTH_BYTES)).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (length < 2 || length > SafetensorsHeader.MAX_BYTES) {
      throw failure(
          path,
          "it is not a safetensors file: header length %s is not in [2, %d]"
              .formatted(Long.toUnsignedString(length), SafetensorsHeader.MAX_BYTES),
          null);
    }
    if (length > size - LENGTH_BYTES) {
      throw truncated(path, "header and length need %d bytes", LENGTH_BYTES, length, size);
    }
    return length;
  }

  private static byte[] read(FileChannel channel, long at, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, at + buffer.position()) < 0) {
        throw new IOException("the file became shorter while it was read");
      }
    }
    return buffer.array();
  }

  private static GptException truncated(Path path, String what, long a, long b, long size) {
    String needed = Long.toUnsignedString(a + b);
    return new GptException(
        Failure.CHECKPOINT,
        "%s is truncated (%s, the file has %d); copy it again or use another checkpoint"
            .formatted(path, what.replace("%d", needed), size));
  }

  private static GptException failure(Path path, String reason, Throwable cause) {
    return new GptException(Failure.CHECKPOINT, "cannot load " + path + ": " + reason, cause);
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** The strings that the writer left about the file. */
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(header.metadata());
  }

  /** All tensors by name, in the header's order. */
  public Map<String, TensorEntry> tensors() {
    return Collections.unmodifiableMap(header.tensors());
  }

  /** The tensor of that name; its absence is a failure. */
  public TensorEntry tensor(String name) {
    TensorEntry tensor = header.tensors().get(name);
    if (tensor == null) {
      throw failure(path, "it has no tensor '" + name + "'", null);
    }
    return tensor;
  }

  /**
   * The bytes of a tensor as they lie in the file, read-only and not necessarily aligned; valid
   * until {@link #close()}.
   */
  public MemorySegment bytes(String name) {
    TensorEntry tensor = tensor(name);
    return data.asSlice(tensor.offset(), tensor.byteSize());
  }

  /**
   * Copies a floating-point tensor out as fp32, converting from F64, F16 or BF16.
   *
   * @param target exactly 4 bytes for each element
   */
  public void copyFloats(String name, MemorySegment target) {
    TensorEntry tensor = tensor(name);
    long count = tensor.elements();
    if (target.byteSize() != count * Float.BYTES) {
      throw failure(
          path,
          "tensor %s has %d elements, %d are needed"
              .formatted(tensor, count, target.byteSize() / Float.BYTES),
          null);
    }
    if (!StoredFloats.canRead(tensor.type())) {
      throw failure(
          path, "tensor " + tensor + " should be floating-point (F32, F16, BF16 or F64)", null);
    }
    StoredFloats.read(tensor.type(), bytes(name), target, count);
  }

  /** Unmaps the file; segments taken from it are no longer valid. */
  @Override
  public void close() {
    arena.close();
  }
}
