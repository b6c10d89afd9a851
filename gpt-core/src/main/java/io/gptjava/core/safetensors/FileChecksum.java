package io.gptjava.core.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/** CRC-32C (Castagnoli) of files, which processors compute faster than disks deliver. */
public final class FileChecksum {
  private static final int BLOCK = 1 << 20;

  private FileChecksum() {}

  /** CRC-32C of a whole file, in the lower 32 bits. */
  public static long crc32c(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      CRC32C crc = new CRC32C();
      ByteBuffer buffer = ByteBuffer.allocateDirect(BLOCK);
      while (channel.read(buffer.clear()) >= 0) {
        crc.update(buffer.flip());
      }
      return crc.getValue();
    }
  }
}
