package io.gptjava.train.formats;

import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.StoredFloats;
import io.gptjava.core.safetensors.StoredType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * A checkpoint of TensorFlow (a "tensor bundle", its {@code tensor_bundle.proto}): {@code
 * NAME.index}, a {@link SortedTable} of descriptions by tensor name with a header under the empty
 * name, and {@code NAME.data-00000-of-00001}, the tensors' bytes. Checksums of blocks are verified
 * on opening, those of tensors when they are read.
 */
final class TensorBundle implements AutoCloseable {
  /** A hundred times that of GPT-2 XL. */
  private static final long MOST_INDEX_BYTES = 8L << 20;

  private static final int MOST_SHARDS = 1000;
  private static final int MOST_DIMENSIONS = 32;
  private static final int KNOWN_VERSION = 1;

  private final Path index;
  private final Arena arena = Arena.ofShared();
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final List<MemorySegment> shards = new ArrayList<>();
  private final List<Path> shardPaths = new ArrayList<>();

  /**
   * A tensor.
   *
   * @param dataType its number in TensorFlow's {@code types.proto}
   * @param shape sizes, slowest first
   * @param shard which data file it is in
   * @param offset of its first byte there
   * @param size in bytes
   * @param crc masked CRC-32C of its bytes
   * @param partitioned whether it is in slices of other names
   */
  record Entry(
      String name,
      long dataType,
      List<Long> shape,
      long shard,
      long offset,
      long size,
      int crc,
      boolean partitioned) {
    /** How its elements are stored; null if they are not floating-point. */
    StoredType floatType() {
      return switch ((int) dataType) {
        case 1 -> StoredType.F32;
        case 2 -> StoredType.F64;
        case 14 -> StoredType.BF16;
        case 19 -> StoredType.F16;
        default -> null;
      };
    }

    private void check() throws MalformedFile {
      if (shard < 0 || offset < 0 || size < 0) {
        throw new MalformedFile("tensor %s lies nowhere".formatted(name));
      }
      StoredType type = floatType();
      if (type == null || partitioned) {
        return;
      }
      long bytes = type.bytes();
      for (long dimension : shape) {
        if (dimension < 0 || dimension > 0 && bytes > Long.MAX_VALUE / dimension) {
          throw new MalformedFile("tensor %s has the shape %s".formatted(name, shape));
        }
        bytes *= dimension;
      }
      if (bytes != size) {
        throw new MalformedFile(
            "tensor %s %s needs %d bytes, it has %d".formatted(name, shape, bytes, size));
      }
    }
  }

  private TensorBundle(Path index) {
    this.index = index;
  }

  /**
   * Opens a bundle.
   *
   * @param prefix path of its files without {@code .index} and the like
   * @throws GptException with {@link io.gptjava.core.Failure#CHECKPOINT} if it is damaged
   */
  static TensorBundle open(Path prefix) {
    String name = prefix.getFileName().toString();
    TensorBundle bundle = new TensorBundle(prefix.resolveSibling(name + ".index"));
    try {
      bundle.readIndex(prefix);
      return bundle;
    } catch (MalformedFile e) {
      bundle.close();
      throw ModelFiles.failure(bundle.index, e.getMessage());
    } catch (RuntimeException e) {
      bundle.close();
      throw e;
    }
  }

  private void readIndex(Path prefix) throws MalformedFile {
    Map<String, ByteBuffer> table;
    try {
      table = SortedTable.read(ModelFiles.read(index, MOST_INDEX_BYTES));
    } catch (IOException e) {
      throw ModelFiles.unreadable(index, e);
    }
    ByteBuffer header = table.remove("");
    if (header == null) {
      throw new MalformedFile("it has no header");
    }
    long shardCount = readHeader(new ProtoReader(header));
    for (Map.Entry<String, ByteBuffer> entry : table.entrySet()) {
      String name = ModelFiles.printable(entry.getKey());
      if (!name.equals(entry.getKey())) {
        throw new MalformedFile("the tensor name %s has control characters".formatted(name));
      }
      Entry tensor = readEntry(name, new ProtoReader(entry.getValue()));
      tensor.check();
      entries.put(tensor.name(), tensor);
    }
    for (int i = 0; i < shardCount; i++) {
      map(
          prefix.resolveSibling(
              "%s.data-%05d-of-%05d".formatted(prefix.getFileName(), i, shardCount)));
    }
    checkPlaces();
  }

  /** Returns the number of data files. */
  private static long readHeader(ProtoReader header) throws MalformedFile {
    long shards = 0;
    for (int field = header.nextField(); field != 0; field = header.nextField()) {
      switch (field) {
        case 1 -> shards = header.number();
        case 2 -> {
          if (header.number() != 0) {
            throw new MalformedFile("its numbers are big-endian, this program reads little-endian");
          }
        }
        case 3 -> {
          ProtoReader version = header.message();
          for (int f = version.nextField(); f != 0; f = version.nextField()) {
            if (f == 2 && version.number() > KNOWN_VERSION) {
              throw new MalformedFile("it asks for a newer reader");
            } else if (f != 2) {
              version.skip();
            }
          }
        }
        default -> header.skip();
      }
    }
    if (shards < 1 || shards > MOST_SHARDS) {
      throw new MalformedFile("it has %d data files".formatted(shards));
    }
    return shards;
  }

  private static Entry readEntry(String name, ProtoReader entry) throws MalformedFile {
    long dataType = 0;
    List<Long> shape = List.of();
    long shard = 0;
    long offset = 0;
    long size = 0;
    int crc = 0;
    boolean partitioned = false;
    for (int field = entry.nextField(); field != 0; field = entry.nextField()) {
      switch (field) {
        case 1 -> dataType = entry.number();
        case 2 -> shape = readShape(entry.message());
        case 3 -> shard = entry.number();
        case 4 -> offset = entry.number();
        case 5 -> size = entry.number();
        case 6 -> crc = entry.fixed32();
        case 7 -> {
          partitioned = true;
          entry.skip();
        }
        default -> entry.skip();
      }
    }
    return new Entry(name, dataType, shape, shard, offset, size, crc, partitioned);
  }

  private static List<Long> readShape(ProtoReader shape) throws MalformedFile {
    List<Long> sizes = new ArrayList<>();
    for (int field = shape.nextField(); field != 0; field = shape.nextField()) {
      if (field != 2) {
        shape.skip();
        continue;
      }
      long size = 0;
      ProtoReader dimension = shape.message();
      for (int f = dimension.nextField(); f != 0; f = dimension.nextField()) {
        if (f == 1) {
          size = dimension.number();
        } else {
          dimension.skip();
        }
      }
      if (sizes.size() == MOST_DIMENSIONS) {
        throw new MalformedFile("a tensor has more than %d dimensions".formatted(MOST_DIMENSIONS));
      }
      sizes.add(size);
    }
    return List.copyOf(sizes);
  }

  private void map(Path shard) {
    try (FileChannel channel = FileChannel.open(shard, StandardOpenOption.READ)) {
      shards.add(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
      shardPaths.add(shard);
    } catch (IOException e) {
      throw ModelFiles.unreadable(shard, e);
    }
  }

  /** Tensors lie within their files and not on each other. */
  private void checkPlaces() throws MalformedFile {
    List<Entry> sorted =
        entries.values().stream()
            .filter(entry -> !entry.partitioned() && entry.size() > 0)
            .sorted(Comparator.comparingLong(Entry::shard).thenComparingLong(Entry::offset))
            .toList();
    Entry before = null;
    for (Entry entry : sorted) {
      if (entry.shard() >= shards.size()) {
        throw new MalformedFile(
            "tensor %s is in data file %d of %d"
                .formatted(entry.name(), entry.shard() + 1, shards.size()));
      }
      long available = shards.get((int) entry.shard()).byteSize();
      if (entry.offset() > available || entry.size() > available - entry.offset()) {
        throw new MalformedFile(
            "%s is truncated: tensor %s ends at byte %s, the file has %d; copy it again"
                .formatted(
                    shardPaths.get((int) entry.shard()).getFileName(),
                    entry.name(),
                    Long.toUnsignedString(entry.offset() + entry.size()),
                    available));
      }
      if (before != null
          && before.shard() == entry.shard()
          && before.offset() + before.size() > entry.offset()) {
        throw new MalformedFile("tensors %s and %s overlap".formatted(before.name(), entry.name()));
      }
      before = entry;
    }
  }

  /** Where the list of tensors is. */
  Path path() {
    return index;
  }

  /** All tensors by name. */
  Map<String, Entry> entries() {
    return Collections.unmodifiableMap(entries);
  }

  /**
   * Copies a floating-point tensor out as fp32 and verifies its checksum.
   *
   * @param target 4 bytes for each element
   */
  void copyFloats(Entry entry, MemorySegment target) {
    StoredType type = entry.floatType();
    MemorySegment source = shards.get((int) entry.shard()).asSlice(entry.offset(), entry.size());
    CRC32C crc = new CRC32C();
    long block = 1L << 20;
    for (long at = 0; at < entry.size(); at += block) {
      crc.update(source.asSlice(at, Math.min(block, entry.size() - at)).asByteBuffer());
    }
    if (MaskedCrc.of(crc) != entry.crc()) {
      throw ModelFiles.failure(
          shardPaths.get((int) entry.shard()),
          "the checksum of tensor %s is wrong; copy the file again".formatted(entry.name()));
    }
    StoredFloats.read(type, source, target, entry.size() / type.bytes());
  }

  @Override
  public void close() {
    arena.close();
  }
}
