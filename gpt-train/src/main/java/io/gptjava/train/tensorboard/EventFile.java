package io.gptjava.train.tensorboard;

import io.gptjava.train.formats.MaskedCrc;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Predicate;

/**
 * A file of records in TensorFlow's TFRecord framing, little-endian: length as 64 bits, its masked
 * CRC-32C, the bytes, their masked CRC-32C. Each record reaches the operating system in one write.
 * Source: {@code tensorflow/core/lib/io/record_writer.h}.
 */
final class EventFile implements Closeable {
  private static final int HEADER = Long.BYTES + Integer.BYTES;
  private static final int LONGEST = 1 << 30;

  private final FileChannel channel;

  private EventFile(FileChannel channel) {
    this.channel = channel;
  }

  /** Begins a file that must not exist. */
  static EventFile create(Path file) throws IOException {
    return new EventFile(
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
  }

  /** Adds a record. */
  void append(byte[] record) throws IOException {
    ByteBuffer bytes = littleEndian(HEADER + record.length + Integer.BYTES);
    bytes.putLong(record.length);
    bytes.putInt(MaskedCrc.of(bytes.array(), 0, Long.BYTES));
    bytes.put(record);
    bytes.putInt(MaskedCrc.of(record, 0, record.length));
    bytes.flip();
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Forces what was written to the disk. */
  void force() throws IOException {
    channel.force(false);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  /**
   * Shortens a file to the records before the first that is torn, damaged or unwanted.
   *
   * @param wanted whether a record stays
   * @return records that stay
   */
  static int cut(Path file, Predicate<byte[]> wanted) throws IOException {
    long length = 0;
    int records = 0;
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file));
        DataInputStream data = new DataInputStream(in)) {
      byte[] record = read(data, Files.size(file));
      while (record != null && wanted.test(record)) {
        length += HEADER + record.length + Integer.BYTES;
        records++;
        record = read(data, Files.size(file) - length);
      }
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(length);
    }
    return records;
  }

  /** The next record, or null at the end of the whole ones. */
  private static byte[] read(DataInputStream in, long left) throws IOException {
    try {
      byte[] header = new byte[Long.BYTES];
      in.readFully(header);
      long length = littleEndian(header).getLong();
      if (Integer.reverseBytes(in.readInt()) != MaskedCrc.of(header, 0, header.length)
          || length < 0
          || length > Math.min(left, LONGEST)) {
        return null;
      }
      byte[] record = new byte[(int) length];
      in.readFully(record);
      return Integer.reverseBytes(in.readInt()) == MaskedCrc.of(record, 0, record.length)
          ? record
          : null;
    } catch (EOFException _) {
      return null;
    }
  }

  private static ByteBuffer littleEndian(int size) {
    return littleEndian(new byte[size]);
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
