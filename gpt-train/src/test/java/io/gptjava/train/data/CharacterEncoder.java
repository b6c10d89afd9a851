package io.gptjava.train.data;

import io.gptjava.core.tokenizer.TextEncoder;
import java.nio.charset.StandardCharsets;
import java.util.stream.IntStream;

/** One token for each UTF-16 code unit; the marker between documents is token 0. */
final class CharacterEncoder implements TextEncoder {
  private static final String MARKER = "<|endoftext|>";

  @Override
  public int[] encode(String text) {
    return text.replace(MARKER, "\0").chars().toArray();
  }

  @Override
  public int lastCut(String text) {
    // Any place but one inside a marker.
    int at = text.length() - 1;
    while (at > 0 && (text.charAt(at) == '|' || MARKER.indexOf(text.charAt(at - 1)) >= 0)) {
      at--;
    }
    return Math.max(at, 0);
  }

  @Override
  public byte[] bytes(int id) {
    return decode(id).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public String decode(int... ids) {
    StringBuilder text = new StringBuilder();
    IntStream.of(ids).forEach(id -> text.append(id == 0 ? MARKER : String.valueOf((char) id)));
    return text.toString();
  }

  @Override
  public int vocabularySize() {
    return 1 << 16;
  }

  @Override
  public int endOfText() {
    return 0;
  }
}
