package io.gptjava.train.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * GPT-2's tokenizer as the two files that Hugging Face's {@code GPT2Tokenizer} reads: {@code
 * vocab.json}, the id of each token, and {@code merges.txt}, the pairs of tokens to merge, first
 * ones first. In both a byte is a printable character: itself where it is one in Latin-1, otherwise
 * one from U+0100 on.
 *
 * <p>The vocabulary that we have gives tokens in the order in which training the tokenizer made
 * them, and not the pair each was made of. That is what is left of its bytes after merging with the
 * tokens before it.
 *
 * @param vocabulary content of {@link #VOCABULARY}
 * @param merges content of {@link #MERGES}
 */
record TokenizerFiles(byte[] vocabulary, byte[] merges) {
  static final String VOCABULARY = "vocab.json";
  static final String MERGES = "merges.txt";

  /** Made when the first checkpoint is written: it takes some tenths of a second. */
  private static final class Gpt2 {
    static final TokenizerFiles FILES = of(new Gpt2Tokenizer());
  }

  /** Those of the one tokenizer there is. */
  static TokenizerFiles gpt2() {
    return Gpt2.FILES;
  }

  private static TokenizerFiles of(TextEncoder encoder) {
    String[] printable = printable();
    Map<String, Integer> ids = HashMap.newHashMap(encoder.vocabularySize());
    List<List<String>> spelled = new ArrayList<>();
    for (int id = 0; id < encoder.endOfText(); id++) {
      List<String> bytes = new ArrayList<>();
      for (byte b : encoder.bytes(id)) {
        bytes.add(printable[b & 0xFF]);
      }
      spelled.add(bytes);
      ids.put(String.join("", bytes), id);
    }
    ObjectNode vocabulary = Json.object();
    StringBuilder merges = new StringBuilder("#version: 0.2\n");
    for (int id = 0; id < spelled.size(); id++) {
      vocabulary.put(String.join("", spelled.get(id)), id);
      if (spelled.get(id).size() > 1) {
        merges.append(String.join(" ", lastPair(spelled.get(id), id, ids))).append('\n');
      }
    }
    vocabulary.put(Gpt2Tokenizer.END_OF_TEXT, encoder.endOfText());
    return new TokenizerFiles(
        Json.line(vocabulary).getBytes(StandardCharsets.UTF_8),
        merges.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** The printable character of each byte. */
  private static String[] printable() {
    String[] characters = new String[256];
    int others = 256;
    for (int b = 0; b < 256; b++) {
      boolean itself = b > ' ' && b < 0x7F || b > 0xA0 && b != 0xAD; // U+00AD is a soft hyphen
      characters[b] = Character.toString(itself ? b : others++);
    }
    return characters;
  }

  /** Merges a token's bytes with the tokens before it, until two parts are left. */
  private static List<String> lastPair(List<String> bytes, int id, Map<String, Integer> ids) {
    List<String> parts = new ArrayList<>(bytes);
    while (parts.size() > 2) {
      int best = id;
      int at = -1;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int rank = ids.getOrDefault(parts.get(i) + parts.get(i + 1), id);
        if (rank < best) {
          best = rank;
          at = i;
        }
      }
      if (at < 0) {
        throw new IllegalStateException("token " + id + " is not made of two before it: " + parts);
      }
      parts.set(at, parts.get(at) + parts.remove(at + 1));
    }
    return parts;
  }
}
