package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * GPT-2's tokenizer as {@code tokenizer.json}, the one file that Hugging Face's tokenizers library
 * and everything built on it (Transformers' fast tokenizers, Transformers.js) read: {@link
 * TokenizerFiles} and how to split a text before merging.
 */
final class TokenizerJson {
  static final String FILE = "tokenizer.json";

  private TokenizerJson() {}

  /** Content of the file. */
  static byte[] of(TokenizerFiles files) {
    JsonNode vocabulary;
    try {
      vocabulary = Json.MAPPER.readTree(files.vocabulary());
    } catch (IOException e) {
      throw new IllegalStateException("our own vocab.json is not JSON", e);
    }
    ObjectNode root = Json.object();
    root.put("version", "1.0");
    root.putNull("truncation");
    root.putNull("padding");
    endOfText(root.putArray("added_tokens"), vocabulary.get(Gpt2Tokenizer.END_OF_TEXT).intValue());
    root.putNull("normalizer");
    byteLevel(root.putObject("pre_tokenizer"), false, true);
    byteLevel(root.putObject("post_processor"), true, false);
    byteLevel(root.putObject("decoder"), true, true);
    ObjectNode model = root.putObject("model");
    model.put("type", "BPE");
    model.putNull("dropout");
    model.putNull("unk_token");
    model.put("continuing_subword_prefix", "");
    model.put("end_of_word_suffix", "");
    model.put("fuse_unk", false);
    model.put("byte_fallback", false);
    model.put("ignore_merges", false);
    model.set("vocab", vocabulary);
    ArrayNode merges = model.putArray("merges");
    new String(files.merges(), StandardCharsets.UTF_8)
        .lines()
        .skip(1) // the version
        .forEach(merges::add);
    return (Json.line(root) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static void endOfText(ArrayNode tokens, int id) {
    tokens
        .addObject()
        .put("id", id)
        .put("content", Gpt2Tokenizer.END_OF_TEXT)
        .put("single_word", false)
        .put("lstrip", false)
        .put("rstrip", false)
        .put("normalized", false)
        .put("special", true);
  }

  /** The step that stands for bytes as printable characters; its regular expression is GPT-2's. */
  private static void byteLevel(ObjectNode node, boolean addPrefixSpace, boolean trimOffsets) {
    node.put("type", "ByteLevel")
        .put("add_prefix_space", addPrefixSpace)
        .put("trim_offsets", trimOffsets)
        .put("use_regex", true);
  }
}
