package io.gptjava.train.formats;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * A TensorFlow checkpoint, written byte by byte from LevelDB's table format and {@code
 * tensor_bundle.proto}; shares nothing with the program's reader. Tests change it before it is
 * written.
 */
final class BundleBytes {
  static final int FLOAT = 1;
  static final int INT64 = 9;

  /** What the index says of each tensor, by name; the header has the empty name. */
  final TreeMap<String, byte[]> entries = new TreeMap<>();

  final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** Where blocks begin in the index, and how long they are, in the order in which they lie. */
  final List<int[]> blocks = new ArrayList<>();

  int entriesPerBlock = 10;
  int compression;

  BundleBytes() {
    entries.put("", join(field(1, 1), message(3, field(1, 1))));
  }

  /** GPT-2 as OpenAI published it. */
  static BundleBytes of(ArrayWeights weights) {
    BundleBytes bundle = new BundleBytes();
    weights
        .arrays()
        .forEach(
            (name, values) -> {
              int[] shape = weights.shape(name);
              bundle.addFloats(
                  openAiName(name),
                  ArrayWeights.isLinear(name) ? new int[] {1, shape[0], shape[1]} : shape,
                  values);
            });
    return bundle;
  }

  static String openAiName(String name) {
    String[] parts = name.split("\\.");
    StringBuilder out = new StringBuilder("model");
    boolean norm = name.contains("ln_");
    for (int i = 1; i < parts.length; i++) {
      String part = parts[i];
      if (part.equals("h")) {
        out.append("/h").append(parts[++i]);
      } else if (part.equals("weight")) {
        out.append(name.contains("wte") || name.contains("wpe") ? "" : norm ? "/g" : "/w");
      } else {
        out.append('/').append(part.equals("bias") ? "b" : part);
      }
    }
    return out.toString();
  }

  /** Adds a tensor's bytes and its description. */
  void addFloats(String name, int[] shape, float... values) {
    add(name, FLOAT, shape, ModelBytes.Type.F32.bytes(values));
  }

  void add(String name, int type, int[] shape, byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    describe(name, type, shape, data.size(), bytes.length, masked(crc));
    data.writeBytes(bytes);
  }

  /** Says that a tensor is somewhere. */
  void describe(String name, int type, int[] shape, long offset, long size, int crc) {
    ByteArrayOutputStream dimensions = new ByteArrayOutputStream();
    for (int dimension : shape) {
      dimensions.writeBytes(message(2, field(1, dimension)));
    }
    entries.put(
        name,
        join(
            field(1, type),
            message(2, dimensions.toByteArray()),
            field(4, offset),
            field(5, size),
            fixed32(6, crc)));
  }

  /** The index file. */
  byte[] index() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    blocks.clear();
    TreeMap<String, byte[]> handles = new TreeMap<>();
    TreeMap<String, byte[]> block = new TreeMap<>();
    for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
      block.put(entry.getKey(), entry.getValue());
      if (block.size() == entriesPerBlock || entry.getKey().equals(entries.lastKey())) {
        handles.put(entry.getKey(), append(out, block(block)));
        block.clear();
      }
    }
    byte[] metaindex = append(out, block(new TreeMap<>()));
    byte[] index = append(out, block(handles));
    ByteBuffer footer = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
    footer.put(metaindex).put(index).putLong(40, 0xdb4775248b80fb57L);
    out.writeBytes(footer.array());
    return out.toByteArray();
  }

  /** Entries whose keys leave out what they share with the one before, but for every third. */
  private static byte[] block(TreeMap<String, byte[]> entries) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    List<Integer> restarts = new ArrayList<>(List.of(0));
    String before = "";
    int count = 0;
    for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
      String key = entry.getKey();
      int shared = 0;
      if (count++ % 3 != 0) {
        while (shared < Math.min(before.length(), key.length())
            && before.charAt(shared) == key.charAt(shared)) {
          shared++;
        }
      } else if (count > 1) {
        restarts.add(out.size());
      }
      out.writeBytes(varint(shared));
      out.writeBytes(varint(key.length() - shared));
      out.writeBytes(varint(entry.getValue().length));
      out.writeBytes(key.substring(shared).getBytes(StandardCharsets.ISO_8859_1));
      out.writeBytes(entry.getValue());
      before = key;
    }
    restarts.forEach(restart -> out.writeBytes(int32(restart)));
    out.writeBytes(int32(restarts.size()));
    return out.toByteArray();
  }

  /** Appends a block with its trailer and returns its handle. */
  private byte[] append(ByteArrayOutputStream out, byte[] block) {
    blocks.add(new int[] {out.size(), block.length});
    byte[] handle = join(varint(out.size()), varint(block.length));
    out.writeBytes(block);
    out.write(compression);
    CRC32C crc = new CRC32C();
    crc.update(block);
    crc.update(compression);
    out.writeBytes(int32(masked(crc)));
    return handle;
  }

  /** Makes the checksums of an index right again whose bytes were changed in place. */
  void repair(byte[] index) {
    for (int[] block : blocks) {
      CRC32C crc = new CRC32C();
      crc.update(index, block[0], block[1] + 1);
      byte[] right = int32(masked(crc));
      System.arraycopy(right, 0, index, block[0] + block[1] + 1, right.length);
    }
  }

  /** Writes OpenAI's folder. */
  void write(Path folder, ArrayWeights weights) throws IOException {
    Files.createDirectories(folder);
    var c = weights.config();
    Files.writeString(
        folder.resolve("hparams.json"),
        "{\"n_vocab\": %d, \"n_ctx\": %d, \"n_embd\": %d, \"n_head\": %d, \"n_layer\": %d}"
            .formatted(c.vocabularySize(), c.contextLength(), c.width(), c.heads(), c.layers()));
    Files.writeString(
        folder.resolve("checkpoint"),
        "model_checkpoint_path: \"model.ckpt\"\nall_model_checkpoint_paths: \"model.ckpt\"\n");
    Files.write(folder.resolve("model.ckpt.index"), index());
    Files.write(folder.resolve("model.ckpt.data-00000-of-00001"), data.toByteArray());
  }

  static int masked(CRC32C crc) {
    int value = (int) crc.getValue();
    return (value >>> 15 | value << 17) + 0xa282ead8;
  }

  static byte[] varint(long value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    while ((value & ~0x7FL) != 0) {
      out.write((int) (value & 0x7F | 0x80));
      value >>>= 7;
    }
    out.write((int) value);
    return out.toByteArray();
  }

  static byte[] field(int number, long value) {
    return join(varint(number << 3), varint(value));
  }

  static byte[] fixed32(int number, int value) {
    return join(varint(number << 3 | 5), int32(value));
  }

  static byte[] message(int number, byte[] content) {
    return join(varint(number << 3 | 2), varint(content.length), content);
  }

  static byte[] int32(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
