package io.gptjava.core.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Decodes tokens one by one while they are generated, holding back the bytes of a character until
 * it is complete. All that it returns, joined, is {@link TextEncoder#decode} of all the ids.
 */
public final class StreamingDecoder {
  private static final int LONGEST_CHARACTER = 4;

  private final TextEncoder encoder;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private final byte[] held = new byte[LONGEST_CHARACTER];
  private int heldLength;

  /** A decoder at the beginning of a text. */
  public StreamingDecoder(TextEncoder encoder) {
    this.encoder = encoder;
  }

  /** The characters that this token completes; may be empty. */
  public String accept(int id) {
    return decode(encoder.bytes(id), false);
  }

  /** The incomplete rest as U+FFFD, if any; the decoder then stands at the beginning again. */
  public String finish() {
    return decode(new byte[0], true);
  }

  private String decode(byte[] bytes, boolean end) {
    ByteBuffer in = ByteBuffer.allocate(heldLength + bytes.length);
    in.put(held, 0, heldLength).put(bytes).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 1);
    decoder.decode(in, out, end);
    heldLength = in.remaining();
    in.get(held, 0, heldLength);
    if (end) {
      decoder.flush(out);
      decoder.reset();
    }
    return out.flip().toString();
  }
}
