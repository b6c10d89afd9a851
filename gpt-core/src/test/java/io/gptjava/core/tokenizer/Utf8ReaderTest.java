package io.gptjava.core.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class Utf8ReaderTest {
  private static String read(byte[] bytes) throws IOException {
    StringWriter out = new StringWriter();
    try (Utf8Reader reader = new Utf8Reader("book.txt", new ByteArrayInputStream(bytes))) {
      reader.transferTo(out);
    }
    return out.toString();
  }

  @Test
  void readsEveryCharacterAcrossBufferEdges() throws IOException {
    for (int shift = 0; shift < 4; shift++) {
      String text = "x".repeat(shift) + "é萧😀".repeat(40_000);
      assertEquals(text, read(text.getBytes(StandardCharsets.UTF_8)));
    }
    assertEquals("", read(new byte[0]));
  }

  @Test
  void lineEndsAndByteOrderMarkAsPythonReadsThem() throws IOException {
    assertEquals("\uFEFFa\nb\n\nc\n", read("\uFEFFa\r\nb\r\rc\r".getBytes(StandardCharsets.UTF_8)));
    // The pair lies across the reader's own buffer.
    String text = "x".repeat((1 << 16) - 1) + "\r\ny";
    assertEquals(text.replace("\r\n", "\n"), read(text.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void refusesMalformedInputAtItsOffset() {
    byte[] late = new byte[100_000];
    Arrays.fill(late, (byte) 'a');
    late[70_001] = (byte) 0xE9;
    expect(late, "0xE9 at offset 70001");
    expect("caf\u00e9".getBytes(StandardCharsets.ISO_8859_1), "0xE9 at offset 3");
    expect(new byte[] {'a', (byte) 0xE8, (byte) 0x90}, "0xE8 at offset 1");
    expect(new byte[] {(byte) 0xC0, (byte) 0x80}, "0xC0 at offset 0");
    expect(new byte[] {'a', 'b', (byte) 0xED, (byte) 0xA0, (byte) 0x80}, "0xED at offset 2");
    expect("\uFEFFab".getBytes(StandardCharsets.UTF_16LE), "0xFF at offset 0");
  }

  private static void expect(byte[] bytes, String part) {
    GptException e = assertThrows(GptException.class, () -> read(bytes));
    assertEquals(Failure.DATA, e.failure());
    assertTrue(e.getMessage().contains("book.txt"), e.getMessage());
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }
}
