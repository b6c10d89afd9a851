package io.gptjava.train.corpus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CleaningTest {
  private static final Cleaning ALL =
      new Cleaning(Optional.of(Normalizer.Form.NFKC), Optional.of("<url>"), true, true);

  @TempDir Path folder;

  @Test
  void addressesBecomeAPlaceholderAndKeepTheSentence() {
    Cleaning urls = new Cleaning(Optional.empty(), Optional.of("<url>"), false, false);
    assertEquals(
        "See <url>, or (<url>). <url>! Not awww.x or http:// alone",
        urls.apply(
            "See https://a.example/b?c=d#e, or (http://x.org/y). www.z.de/q! Not awww.x or http:// alone"));
    assertEquals("看<url>。好", urls.apply("看https://a.example/b。好"));
    Cleaning gone = new Cleaning(Optional.empty(), Optional.of(""), false, false);
    assertEquals("a  b", gone.apply("a FTP://h/p b"));
  }

  @Test
  void emojiGoWithTheirParts() {
    Cleaning emoji = new Cleaning(Optional.empty(), Optional.empty(), true, false);
    assertEquals("ab", emoji.apply("a\ud83d\ude42b"));
    assertEquals("[]", emoji.apply("[\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67]")); // family
    assertEquals("[]", emoji.apply("[\ud83d\udc4d\ud83c\udffd]")); // thumb with skin tone
    assertEquals("[]", emoji.apply("[\u2764\ufe0f]")); // red heart
    assertEquals("[]", emoji.apply("[\ud83c\udde9\ud83c\uddea]")); // flag
    assertEquals("1 #", emoji.apply("1\ufe0f\u20e3 #"));
    assertEquals("© ® ™ 42 → é 萧", emoji.apply("© ® ™ 42 → é 萧"));
    assertEquals("न\u200dह", emoji.apply("न\u200dह")); // a joiner that is spelling
  }

  @Test
  void oddCharactersGo() {
    Cleaning control = new Cleaning(Optional.empty(), Optional.empty(), false, true);
    assertEquals(
        "a\tb\nc de f\u200cg",
        control.apply("a\tb\nc\u0000\u0007 d\u00ad\ufeffe\u202e\ufffd f\u200cg\ue000\udbff\udfff"));
  }

  @Test
  void normalisationComesFirst() {
    assertEquals("fi é <url>", ALL.apply("\ufb01 e\u0301 ｈttp://a.example"));
    Cleaning nfc = new Cleaning(Optional.of(Normalizer.Form.NFC), Optional.empty(), false, false);
    assertEquals("\ufb01 é", nfc.apply("\ufb01 e\u0301"));
  }

  /** A text longer than a piece is clean as a whole, and on from any place. */
  @Test
  void piecesAreCleanedAsTheWhole() throws IOException {
    String unit = "e\u0301 https://a.example/long/path \ud83d\udc68\u200d\ud83d\udc69 x\u0007\n";
    String text = unit.repeat(9000);
    Path file = Files.writeString(folder.resolve("a.txt"), text);
    String whole = ALL.apply(text);
    StringBuilder joined = new StringBuilder();
    int pieces = 0;
    try (TextPieces reader = new TextPieces("a", TextInput.open(file), 0, ALL)) {
      for (PieceReader.Piece piece; (piece = reader.next()) != null; pieces++) {
        try (TextPieces later = new TextPieces("a", TextInput.open(file), piece.offset(), ALL)) {
          assertEquals(piece, later.next());
        }
        joined.append(piece.text());
      }
    }
    assertTrue(pieces > 5, pieces + " pieces");
    assertEquals(whole, joined.toString());
  }
}
