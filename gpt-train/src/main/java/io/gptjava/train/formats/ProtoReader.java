package io.gptjava.train.formats;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Reads the wire format of protocol buffers, field by field, without trust: every length is checked
 * against what is left. Varints are also the numbers of {@link SortedTable}.
 */
final class ProtoReader {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int LENGTH_DELIMITED = 2;
  private static final int FIXED32 = 5;

  private final ByteBuffer bytes;
  private int wireType;

  ProtoReader(byte[] message) {
    this(ByteBuffer.wrap(message));
  }

  ProtoReader(ByteBuffer message) {
    this.bytes = message.slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Bytes that are left. */
  int remaining() {
    return bytes.remaining();
  }

  /** Goes to the next field; 0 at the end. Its value must be read or skipped. */
  int nextField() throws MalformedFile {
    if (!bytes.hasRemaining()) {
      return 0;
    }
    long tag = varint();
    wireType = (int) (tag & 7);
    long field = tag >>> 3;
    if (field < 1 || field >= 1 << 29) {
      throw new MalformedFile("a message has the field number " + Long.toUnsignedString(field));
    }
    return (int) field;
  }

  /** An unsigned number of 7 bits a byte, lowest first; as a long, so beyond 2⁶³ negative. */
  long varint() throws MalformedFile {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (!bytes.hasRemaining()) {
        throw new MalformedFile("a number is cut off");
      }
      byte next = bytes.get();
      value |= (long) (next & 0x7F) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new MalformedFile("a number has more than 64 bits");
  }

  /** The value of a field that is a number. */
  long number() throws MalformedFile {
    expect(VARINT);
    return varint();
  }

  /** The value of a field that is a fixed32. */
  int fixed32() throws MalformedFile {
    expect(FIXED32);
    require(Integer.BYTES);
    return bytes.getInt();
  }

  /** The value of a field that is a message. */
  ProtoReader message() throws MalformedFile {
    expect(LENGTH_DELIMITED);
    return new ProtoReader(slice(varint()));
  }

  /** Steps over the value of a field. */
  void skip() throws MalformedFile {
    switch (wireType) {
      case VARINT -> varint();
      case FIXED64 -> slice(Long.BYTES);
      case LENGTH_DELIMITED -> slice(varint());
      case FIXED32 -> slice(Integer.BYTES);
      default -> throw new MalformedFile("a message has a field of wire type " + wireType);
    }
  }

  /** The next bytes. */
  ByteBuffer slice(long length) throws MalformedFile {
    require(length);
    ByteBuffer slice = bytes.slice(bytes.position(), (int) length);
    bytes.position(bytes.position() + (int) length);
    return slice;
  }

  private void expect(int type) throws MalformedFile {
    if (wireType != type) {
      throw new MalformedFile(
          "a field has wire type %d where %d belongs".formatted(wireType, type));
    }
  }

  private void require(long length) throws MalformedFile {
    if (length < 0 || length > bytes.remaining()) {
      throw new MalformedFile(
          "%s bytes are announced where %d are left"
              .formatted(Long.toUnsignedString(length), bytes.remaining()));
    }
  }
}
