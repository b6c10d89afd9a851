package io.gptjava.train.formats;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A sorted table of keys and values in the format of LevelDB, which TensorFlow keeps the list of a
 * checkpoint's tensors in.
 *
 * <pre>
 * data blocks …, other blocks, index block     each followed by its compression (1 byte: 0 is none)
 *                                              and a masked CRC-32C of block and that byte
 * footer, 48 bytes                             handles of metaindex and index block, zeros to 40
 *                                              bytes, the number db4775248b80fb57
 * block     entries, then the offsets of those with a whole key (int32 each), then their count
 * entry     bytes shared with the key before, bytes that are not, bytes of the value (varints);
 *           rest of the key; value
 * handle    offset and size of a block (varints); the index has the handle of each data block
 * </pre>
 *
 * <p>Blocks must follow one another, so no part of a file is read twice, however many handles there
 * are.
 */
final class SortedTable {
  private static final int FOOTER = 48;
  private static final int TRAILER = 5;
  private static final long MAGIC = 0xdb4775248b80fb57L;

  /** A name of a tensor; the longest of a GPT-2 has 28 bytes. */
  private static final int MOST_KEY_BYTES = 1024;

  /** GPT-2 XL has 580 tensors. */
  private static final int MOST_ENTRIES = 100_000;

  private final byte[] bytes;
  private int end; // of the blocks read so far

  private SortedTable(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * Everything in a table.
   *
   * @return the values by key, which is Latin-1, in the table's order
   */
  static Map<String, ByteBuffer> read(byte[] bytes) throws MalformedFile {
    return new SortedTable(bytes).entries();
  }

  private Map<String, ByteBuffer> entries() throws MalformedFile {
    if (bytes.length < FOOTER) {
      throw new MalformedFile("it is truncated: it has %d bytes".formatted(bytes.length));
    }
    ByteBuffer footer =
        ByteBuffer.wrap(bytes, bytes.length - FOOTER, FOOTER).order(ByteOrder.LITTLE_ENDIAN);
    if (footer.getLong(bytes.length - Long.BYTES) != MAGIC) {
      throw new MalformedFile("it does not end as a table does: it is truncated or something else");
    }
    ProtoReader handles = new ProtoReader(footer);
    block(handles); // the metaindex, which TensorFlow leaves empty
    Map<String, ByteBuffer> index = new LinkedHashMap<>();
    readBlock(block(handles), index);
    Map<String, ByteBuffer> all = new LinkedHashMap<>();
    end = 0; // data blocks come first
    for (ByteBuffer handle : index.values()) {
      readBlock(block(new ProtoReader(handle)), all);
    }
    return all;
  }

  /** The content of the block that a handle leads to, its checksum verified. */
  private ByteBuffer block(ProtoReader handle) throws MalformedFile {
    long offset = handle.varint();
    long size = handle.varint();
    long last = bytes.length - FOOTER - TRAILER;
    if (offset < end || size < 0 || offset > last || size > last - offset) {
      throw new MalformedFile(
          "a block of %s bytes at %s does not lie between %d and its end at %d"
              .formatted(
                  Long.toUnsignedString(size),
                  Long.toUnsignedString(offset),
                  end,
                  bytes.length - FOOTER));
    }
    int at = (int) offset;
    int length = (int) size;
    int stored = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(at + length + 1);
    if (MaskedCrc.of(bytes, at, length + 1) != stored) {
      throw new MalformedFile("the checksum of the block at %d is wrong".formatted(at));
    }
    end = at + length + TRAILER;
    int compression = bytes[at + length];
    if (compression != 0) {
      throw new MalformedFile(
          "the block at %d is compressed (%s), which TensorFlow's own writer never does"
              .formatted(at, compression == 1 ? "snappy" : "type " + compression));
    }
    return ByteBuffer.wrap(bytes, at, length).slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void readBlock(ByteBuffer block, Map<String, ByteBuffer> into)
      throws MalformedFile {
    int size = block.remaining();
    long restarts = size < Integer.BYTES ? -1 : block.getInt(size - Integer.BYTES);
    if (restarts < 0 || (restarts + 1) * Integer.BYTES > size) {
      throw new MalformedFile("a block of %d bytes has no list of restarts".formatted(size));
    }
    int end = (int) (size - (restarts + 1) * Integer.BYTES);
    ProtoReader entries = new ProtoReader(block.slice(0, end));
    byte[] key = new byte[0];
    boolean first = true;
    while (entries.remaining() > 0) {
      long shared = entries.varint();
      long rest = entries.varint();
      long value = entries.varint();
      if (shared < 0 || shared > key.length || rest < 0 || rest > MOST_KEY_BYTES - shared) {
        throw new MalformedFile("a key shares %d bytes and has %d more".formatted(shared, rest));
      }
      byte[] next = Arrays.copyOf(key, (int) (shared + rest));
      entries.slice(rest).get(next, (int) shared, (int) rest);
      if (!first && Arrays.compareUnsigned(key, next) >= 0) {
        throw new MalformedFile("its keys are not in order");
      }
      key = next;
      first = false;
      if (into.size() == MOST_ENTRIES) {
        throw new MalformedFile("it has more than %,d entries".formatted(MOST_ENTRIES));
      }
      ByteBuffer old = into.put(new String(key, StandardCharsets.ISO_8859_1), entries.slice(value));
      if (old != null) {
        throw new MalformedFile("it has two entries for one key");
      }
    }
  }
}
