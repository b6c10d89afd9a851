package io.gptjava.train.run;

import java.util.OptionalLong;

public final class CheckpointStore {
  static String folderName(long n) {
    return "%06d".formatted(n);
  }

  static OptionalLong number(String n) {
    return n.matches("\\d{6,18}") ? OptionalLong.of(Long.parseLong(n)) : OptionalLong.empty();
  }
}
