package io.gptjava.core.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.zip.CRC32C;

/**
 * Writes safetensors files whose bytes depend on nothing but the arguments: tensors in the order
 * given, metadata sorted, the header padded with spaces to a multiple of 8. Tensors stream from
 * where they lie; the file is flushed to the disk before {@link #write} returns.
 */
public final class SafetensorsWriter {
  /** Small enough that a block is still in cache when the file takes it. */
  private static final int BLOCK = 1 << 20;

  private SafetensorsWriter() {}

  /**
   * A tensor to write.
   *
   * @param shape sizes, slowest first
   * @param data row-major, native byte order; may go on after the shape's last element, so a tensor
   *     with padded rows is written without them
   */
  public record Item(String name, StoredType type, long[] shape, MemorySegment data) {
    /** Checks that the data is long enough. */
    public Item {
      shape = shape.clone();
      if (name.equals(SafetensorsHeader.METADATA)) {
        throw new IllegalArgumentException(name + " is not a tensor's name");
      }
      if (Arrays.stream(shape).anyMatch(size -> size < 0)
          || byteSize(type, shape) > data.byteSize()) {
        throw new IllegalArgumentException(
            "%s %s%s does not fit in %d bytes"
                .formatted(name, type, Arrays.toString(shape), data.byteSize()));
      }
    }

    @Override
    public long[] shape() {
      return shape.clone();
    }

    /** Bytes that are written. */
    public long byteSize() {
      return byteSize(type, shape);
    }

    private static long byteSize(StoredType type, long[] shape) {
      long bytes = type.bytes();
      for (long size : shape) {
        bytes = Math.multiplyExact(bytes, size);
      }
      return bytes;
    }
  }

  /**
   * A tensor whose data is made when its turn comes, so that a model need not be in memory.
   *
   * @param shape sizes, slowest first
   * @param data row-major, native byte order, as long as the shape says; asked for once, and
   *     written before the next tensor's is asked for, so all may use the same memory
   */
  public record Deferred(String name, StoredType type, long[] shape, Supplier<MemorySegment> data) {
    /** Copies the shape. */
    public Deferred {
      shape = shape.clone();
    }

    @Override
    public long[] shape() {
      return shape.clone();
    }

    private Item item() {
      return new Item(name, type, shape, data.get());
    }

    private long byteSize() {
      return Item.byteSize(type, shape);
    }
  }

  /**
   * What was written.
   *
   * @param bytes size of the file
   * @param crc32c CRC-32C (Castagnoli) of the whole file, in the lower 32 bits
   */
  public record Written(long bytes, long crc32c) {}

  /**
   * Writes a new file, replacing an old one.
   *
   * @throws GptException with {@link Failure#CAPACITY} if the disk takes no more
   */
  public static Written write(Path path, Map<String, String> metadata, List<Item> items) {
    return writeDeferred(
        path,
        metadata,
        items.stream()
            .map(item -> new Deferred(item.name(), item.type(), item.shape(), item::data))
            .toList());
  }

  /**
   * Writes a new file, replacing an old one.
   *
   * @throws GptException with {@link Failure#CAPACITY} if the disk takes no more
   */
  public static Written writeDeferred(
      Path path, Map<String, String> metadata, List<Deferred> tensors) {
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      throw new GptException(Failure.DEVICE, "checkpoints need a little-endian machine");
    }
    byte[] header = header(new TreeMap<>(metadata), tensors);
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      CRC32C crc = new CRC32C();
      ByteBuffer staging = ByteBuffer.allocateDirect(BLOCK);
      copy(MemorySegment.ofArray(header), header.length, channel, crc, staging);
      for (Deferred tensor : tensors) {
        Item item = tensor.item();
        copy(item.data(), item.byteSize(), channel, crc, staging);
      }
      channel.force(true);
      return new Written(channel.size(), crc.getValue());
    } catch (IOException e) {
      throw new GptException(
          Failure.CAPACITY,
          "cannot write %s: %s; free space or choose another --out".formatted(path, e.getMessage()),
          e);
    }
  }

  private static byte[] header(SortedMap<String, String> metadata, List<Deferred> items) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[Long.BYTES]);
    Set<String> names = new HashSet<>();
    try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeObjectFieldStart(SafetensorsHeader.METADATA);
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
          json.writeStringField(entry.getKey(), entry.getValue());
        }
        json.writeEndObject();
      }
      long offset = 0;
      for (Deferred item : items) {
        if (!names.add(item.name())) {
          throw new IllegalArgumentException("two tensors named " + item.name());
        }
        json.writeObjectFieldStart(item.name());
        json.writeStringField("dtype", item.type().name());
        writeNumbers(json, "shape", item.shape());
        writeNumbers(json, "data_offsets", offset, offset + item.byteSize());
        json.writeEndObject();
        offset += item.byteSize();
      }
      json.writeEndObject();
    } catch (IOException e) {
      throw new IllegalStateException("writing to memory failed", e);
    }
    while (out.size() % Long.BYTES != 0) {
      out.write(' ');
    }
    byte[] bytes = out.toByteArray();
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(bytes.length - Long.BYTES);
    return bytes;
  }

  private static void writeNumbers(JsonGenerator json, String name, long... numbers)
      throws IOException {
    json.writeArrayFieldStart(name);
    for (long number : numbers) {
      json.writeNumber(number);
    }
    json.writeEndArray();
  }

  private static void copy(
      MemorySegment data, long length, FileChannel channel, CRC32C crc, ByteBuffer staging)
      throws IOException {
    for (long at = 0; at < length; at += BLOCK) {
      MemorySegment block = data.asSlice(at, Math.min(BLOCK, length - at));
      ByteBuffer buffer;
      if (block.isNative()) {
        buffer = block.asByteBuffer();
      } else {
        // A heap array would be copied by the channel anyway, into memory that it keeps.
        MemorySegment.ofBuffer(staging.clear()).copyFrom(block);
        buffer = staging.limit((int) block.byteSize());
      }
      crc.update(buffer);
      buffer.flip();
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    }
  }
}
