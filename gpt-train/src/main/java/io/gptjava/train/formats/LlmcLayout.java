package io.gptjava.train.formats;

import io.gptjava.core.GptConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * The order of the tensors in llm.c's checkpoints (its {@code train_gpt2.py} writes and {@code
 * train_gpt2.c} reads them): a kind of tensor for all layers, then the next kind. Weights of linear
 * layers are (outputs, inputs); the embedding has padded rows.
 *
 * <pre>
 * bytes     content
 * 0         256 int32, little-endian: 20240326, version, context, vocabulary, layers, heads, width,
 *           padded vocabulary; the rest is zero
 * 1024      the tensors, fp32 in version 3, bf16 in version 5
 * </pre>
 */
final class LlmcLayout {
  static final int MAGIC = 20240326;
  static final int VERSION_FP32 = 3;
  static final int VERSION_BF16 = 5;
  static final int HEADER_INTS = 256;
  static final int HEADER_BYTES = HEADER_INTS * Integer.BYTES;

  private final List<Place> places = new ArrayList<>();
  private long elements;

  /**
   * Where a tensor lies.
   *
   * @param name in our layout
   * @param offset of its first element, counted from the end of the header
   * @param count elements, padding included
   * @param transposed whether the file has (outputs, inputs)
   */
  record Place(String name, long offset, long count, boolean transposed) {}

  LlmcLayout(GptConfig config, long paddedVocabulary) {
    long c = config.width();
    add("transformer.wte.weight", paddedVocabulary * c, false);
    add("transformer.wpe.weight", config.contextLength() * c, false);
    int layers = config.layers();
    addAll("ln_1.weight", layers, c, false);
    addAll("ln_1.bias", layers, c, false);
    addAll("attn.c_attn.weight", layers, 3 * c * c, true);
    addAll("attn.c_attn.bias", layers, 3 * c, false);
    addAll("attn.c_proj.weight", layers, c * c, true);
    addAll("attn.c_proj.bias", layers, c, false);
    addAll("ln_2.weight", layers, c, false);
    addAll("ln_2.bias", layers, c, false);
    addAll("mlp.c_fc.weight", layers, 4 * c * c, true);
    addAll("mlp.c_fc.bias", layers, 4 * c, false);
    addAll("mlp.c_proj.weight", layers, 4 * c * c, true);
    addAll("mlp.c_proj.bias", layers, c, false);
    add("transformer.ln_f.weight", c, false);
    add("transformer.ln_f.bias", c, false);
  }

  private void addAll(String name, int layers, long count, boolean transposed) {
    for (int layer = 0; layer < layers; layer++) {
      add("transformer.h." + layer + "." + name, count, transposed);
    }
  }

  private void add(String name, long count, boolean transposed) {
    places.add(new Place(name, elements, count, transposed));
    elements += count;
  }

  /** All tensors, in the file's order. */
  List<Place> places() {
    return List.copyOf(places);
  }
}
