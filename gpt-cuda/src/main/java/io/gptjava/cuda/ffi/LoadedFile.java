package io.gptjava.cuda.ffi;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** Which file a function came from, by the kernel's list of mappings ({@code proc(5)}). */
final class LoadedFile {
  private static final Path MAPS = Path.of("/proc/self/maps");
  private static final int HEX = 16;
  private static final int PATH_COLUMN = 5;

  private LoadedFile() {}

  /** The file that is mapped at an address; empty where the system does not tell. */
  static Optional<String> of(MemorySegment function) {
    long address = function.address();
    try (Stream<String> lines = Files.lines(MAPS)) {
      return lines
          .filter(line -> holds(line, address))
          .map(line -> line.split("\\s+", PATH_COLUMN + 1))
          .filter(columns -> columns.length > PATH_COLUMN && !columns[PATH_COLUMN].isBlank())
          .map(columns -> columns[PATH_COLUMN].strip())
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static boolean holds(String line, long address) {
    int dash = line.indexOf('-');
    int space = line.indexOf(' ');
    return Long.compareUnsigned(address, Long.parseUnsignedLong(line.substring(0, dash), HEX)) >= 0
        && Long.compareUnsigned(
                address, Long.parseUnsignedLong(line.substring(dash + 1, space), HEX))
            < 0;
  }
}
