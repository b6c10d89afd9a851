package io.gptjava.train.run;

import io.gptjava.train.data.Datasets;
import io.gptjava.train.data.TokenSource;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Tells whether a run that continues sees the data that it began with. */
final class DataChecksum {
  /** Tokens of each source that are read; of larger ones the size counts too. */
  private static final long MOST_TOKENS = 1 << 24;

  private static final int CHUNK = 1 << 14;

  private DataChecksum() {}

  /** CRC-32C over sizes and (first) tokens of all sources, in their order. */
  static long of(Datasets data) {
    CRC32C checksum = new CRC32C();
    int[] tokens = new int[CHUNK];
    ByteBuffer bytes = ByteBuffer.allocate(CHUNK * Integer.BYTES);
    for (TokenSource source : data.owned()) {
      checksum.update(ByteBuffer.allocate(Long.BYTES).putLong(source.size()).flip());
      long end = Math.min(source.size(), MOST_TOKENS);
      for (long at = 0; at < end; at += CHUNK) {
        int count = (int) Math.min(CHUNK, end - at);
        source.copy(at, tokens, 0, count);
        bytes.asIntBuffer().put(tokens, 0, count);
        checksum.update(bytes.array(), 0, count * Integer.BYTES);
      }
    }
    return checksum.getValue();
  }
}
