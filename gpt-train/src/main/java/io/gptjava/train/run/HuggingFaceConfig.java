package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.formats.FileShape;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Stream;

/**
 * {@link GptConfig} as the {@code config.json} of Hugging Face's {@code GPT2LMHeadModel}, and back.
 * One key is our own: {@code qkv_bias}, which Transformers ignores because the bias it then reads
 * is zero.
 */
final class HuggingFaceConfig {
  static final String FILE = "config.json";

  /** OpenAI's end-of-text token and the vocabulary that has it. */
  private static final int END_OF_TEXT = 50256;

  /** Transformers' names of the tanh form of GELU. */
  private static final Set<String> TANH_GELU = Set.of("gelu_new", "gelu_pytorch_tanh");

  private HuggingFaceConfig() {}

  static ObjectNode toJson(GptConfig config) {
    return toJson(config, StoredType.F32);
  }

  /**
   * The configuration of weights that are stored in a type.
   *
   * @param type F32, F16 or BF16
   */
  static ObjectNode toJson(GptConfig config, StoredType type) {
    ObjectNode node = Json.object();
    node.put("activation_function", "gelu_new");
    node.putArray("architectures").add("GPT2LMHeadModel");
    node.put("attn_pdrop", config.dropout());
    endOfText(node, "bos_token_id", config);
    node.put("embd_pdrop", config.dropout());
    endOfText(node, "eos_token_id", config);
    node.put("initializer_range", 0.02);
    node.put("layer_norm_epsilon", GptConfig.LAYER_NORM_EPSILON);
    node.put("model_type", "gpt2");
    node.put("n_ctx", config.contextLength());
    node.put("n_embd", config.width());
    node.put("n_head", config.heads());
    node.putNull("n_inner");
    node.put("n_layer", config.layers());
    node.put("n_positions", config.contextLength());
    node.put("qkv_bias", config.qkvBias());
    node.put("resid_pdrop", config.dropout());
    node.put("scale_attn_weights", true);
    node.put("tie_word_embeddings", config.tieEmbeddings());
    node.put("torch_dtype", torchName(type));
    node.put("use_cache", true);
    return node.put("vocab_size", config.vocabularySize());
  }

  private static String torchName(StoredType type) {
    return switch (type) {
      case F32 -> "float32";
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      default -> throw new IllegalArgumentException(type + " is not a type of weights");
    };
  }

  /** What {@code generate} of Transformers begins and stops with. */
  static ObjectNode generation(GptConfig config) {
    ObjectNode node = Json.object();
    node.put("_from_model_config", true);
    endOfText(node, "bos_token_id", config);
    endOfText(node, "eos_token_id", config);
    return node;
  }

  private static void endOfText(ObjectNode node, String key, GptConfig config) {
    if (hasGpt2Vocabulary(config)) {
      node.put(key, END_OF_TEXT);
    } else {
      node.putNull(key);
    }
  }

  /** Whether every token of GPT-2's is one of the model's. */
  static boolean hasGpt2Vocabulary(GptConfig config) {
    return config.vocabularySize() > END_OF_TEXT;
  }

  /** Enough for {@code AutoTokenizer} to know which tokenizer the ids belong to. */
  static ObjectNode tokenizer(GptConfig config) {
    ObjectNode node = Json.object();
    node.put("add_prefix_space", false);
    node.put("bos_token", "<|endoftext|>");
    node.put("clean_up_tokenization_spaces", false); // or decoding would not give the text back
    node.put("eos_token", "<|endoftext|>");
    node.put("model_max_length", config.contextLength());
    node.put("tokenizer_class", "GPT2Tokenizer");
    return node.put("unk_token", "<|endoftext|>");
  }

  /**
   * The model that a {@code config.json} describes. Keys that are absent have Transformers'
   * defaults. Dropout is {@code resid_pdrop}'s. nanoGPT's {@code block_size} and {@code dropout}
   * are known too.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is not a GPT-2 that we compute
   */
  static GptConfig parse(Path file, JsonNode node) {
    expect(file, node, "model_type", "gpt2", Set.of("gpt2"));
    expect(file, node, "activation_function", "gelu_new", TANH_GELU);
    expect(file, node, "scale_attn_weights", "true", Set.of("true"));
    expect(file, node, "scale_attn_by_inverse_layer_idx", "false", Set.of("false"));
    expect(file, node, "add_cross_attention", "false", Set.of("false"));
    double epsilon = node.path("layer_norm_epsilon").asDouble(GptConfig.LAYER_NORM_EPSILON);
    if (Math.abs(epsilon - GptConfig.LAYER_NORM_EPSILON) > 1e-9) {
      throw unsupported(file, "layer_norm_epsilon", String.valueOf(epsilon), "1e-5");
    }
    int width = integer(file, node, "n_embd");
    int heads = integer(file, node, "n_head");
    JsonNode inner = node.path("n_inner");
    if (inner.isNumber() && inner.asLong() != 4L * width) {
      throw unsupported(file, "n_inner", inner.asText(), "4 * n_embd = " + 4L * width);
    }
    FileShape.checkHeads(file, "n_embd", width, "n_head", heads);
    double dropout = node.path("resid_pdrop").asDouble(node.path("dropout").asDouble(0.1));
    if (!(dropout >= 0 && dropout < 1)) {
      throw unsupported(file, "resid_pdrop", String.valueOf(dropout), "at least 0 and less than 1");
    }
    return new GptConfig(
        integer(file, node, "vocab_size"),
        integer(file, node, contextKey(node)),
        width,
        integer(file, node, "n_layer", FileShape.MOST_LAYERS),
        heads,
        (float) dropout,
        node.path("qkv_bias").asBoolean(hasBiases(node)),
        node.path("tie_word_embeddings").asBoolean(true));
  }

  /** Transformers' name, its older one, or nanoGPT's. */
  private static String contextKey(JsonNode node) {
    return Stream.of("n_positions", "n_ctx", "block_size")
        .filter(node::has)
        .findFirst()
        .orElse("n_positions");
  }

  /** Whether layers have biases; nanoGPT can leave out all of them. */
  static boolean hasBiases(JsonNode node) {
    return node.path("bias").asBoolean(true);
  }

  private static void expect(
      Path file, JsonNode node, String key, String absent, Set<String> supported) {
    String value = node.hasNonNull(key) ? node.get(key).asText() : absent;
    if (!supported.contains(value)) {
      throw unsupported(
          file, key, value, String.join(" or ", supported.stream().sorted().toList()));
    }
  }

  private static int integer(Path file, JsonNode node, String key) {
    return integer(file, node, key, FileShape.LARGEST);
  }

  private static int integer(Path file, JsonNode node, String key, int most) {
    JsonNode value = node.path(key);
    if (!value.canConvertToInt()
        || !value.isIntegralNumber()
        || value.intValue() < 1
        || value.intValue() > most) {
      throw unsupported(
          file,
          key,
          value.isMissingNode() ? "missing" : value.toString(),
          "an integer from 1 to " + most);
    }
    return value.intValue();
  }

  private static GptException unsupported(Path file, String key, String value, String supported) {
    return new GptException(
        Failure.CHECKPOINT,
        "%s: %s is %s, supported is %s; this model cannot be loaded"
            .formatted(
                file,
                key,
                value.length() > 100 ? value.substring(0, 100) + "…" : value,
                supported));
  }
}
