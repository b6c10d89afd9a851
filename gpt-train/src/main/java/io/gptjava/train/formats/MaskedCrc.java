package io.gptjava.train.formats;

import java.util.zip.CRC32C;

/**
 * The checksum of TensorFlow's files: CRC-32C (Castagnoli), rotated and shifted, so that the
 * checksum of bytes that hold checksums stays a good one. Source: {@code
 * tensorflow/core/lib/hash/crc32c.h}.
 */
public final class MaskedCrc {
  private static final int ROTATION = 15;
  private static final int DELTA = 0xa282ead8;

  private MaskedCrc() {}

  /** The checksum of a part of an array. */
  public static int of(byte[] bytes, int from, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, length);
    return of(crc);
  }

  /** The checksum of what a CRC-32C was computed of. */
  static int of(CRC32C crc) {
    return Integer.rotateRight((int) crc.getValue(), ROTATION) + DELTA;
  }
}
