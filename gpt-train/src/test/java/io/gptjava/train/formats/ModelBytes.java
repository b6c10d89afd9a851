package io.gptjava.train.formats;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Files of models, written byte by byte from the formats' definitions, and read the same way;
 * shares nothing with the program's own readers and writers.
 */
public final class ModelBytes {
  private ModelBytes() {}

  /** How a number is stored. */
  public enum Type {
    F32,
    F16,
    BF16;

    /** Little-endian bytes of numbers that the type holds exactly. */
    public byte[] bytes(float... values) {
      ByteBuffer out =
          ByteBuffer.allocate(values.length * (this == F32 ? 4 : 2)).order(ByteOrder.LITTLE_ENDIAN);
      for (float value : values) {
        switch (this) {
          case F32 -> out.putFloat(value);
          case F16 -> out.putShort(Float.floatToFloat16(value));
          case BF16 -> out.putShort((short) (Float.floatToIntBits(value) >>> 16));
        }
      }
      return out.array();
    }

    /** The nearest number towards zero that the type holds exactly, or thereabouts. */
    public float held(float value) {
      return switch (this) {
        case F32 -> value;
        case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
        case BF16 -> Float.intBitsToFloat(Float.floatToIntBits(value) & 0xFFFF0000);
      };
    }
  }

  /** A tensor of a safetensors file. */
  public record Stored(String type, int[] shape, byte[] bytes) {
    /** A tensor of numbers. */
    public static Stored of(Type type, int[] shape, float... values) {
      return new Stored(type.name(), shape, type.bytes(values));
    }
  }

  /** A safetensors file: header length, JSON header, bytes. */
  public static byte[] safetensors(Map<String, Stored> tensors) {
    StringBuilder json = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    tensors.forEach(
        (name, tensor) -> {
          int begin = data.size();
          data.writeBytes(tensor.bytes());
          json.append(
              ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                  .formatted(
                      name, tensor.type(), Arrays.toString(tensor.shape()), begin, data.size()));
        });
    byte[] header = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + header.length + data.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data.toByteArray())
        .array();
  }

  /** The tensors of a safetensors file. */
  public static Map<String, Stored> tensors(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[(int) bytes.getLong()];
    bytes.get(header);
    int data = bytes.position();
    Map<String, Stored> tensors = new LinkedHashMap<>();
    var json = new ObjectMapper().readTree(header);
    json.properties()
        .forEach(
            entry -> {
              if (entry.getKey().equals("__metadata__")) {
                return;
              }
              var offsets = entry.getValue().get("data_offsets");
              int[] shape = new int[entry.getValue().get("shape").size()];
              for (int i = 0; i < shape.length; i++) {
                shape[i] = entry.getValue().get("shape").get(i).intValue();
              }
              tensors.put(
                  entry.getKey(),
                  new Stored(
                      entry.getValue().get("dtype").textValue(),
                      shape,
                      Arrays.copyOfRange(
                          bytes.array(),
                          data + offsets.get(0).intValue(),
                          data + offsets.get(1).intValue())));
            });
    return tensors;
  }

  /** The tensors of {@code GPT2LMHeadModel}. */
  public static Map<String, Stored> gpt2(ArrayWeights weights, Type type) {
    Map<String, Stored> tensors = new LinkedHashMap<>();
    weights
        .arrays()
        .forEach(
            (name, values) -> {
              tensors.put(name, Stored.of(type, weights.shape(name), values));
              if (!weights.config().qkvBias() && name.endsWith("attn.c_attn.weight")) {
                int outputs = 3 * weights.config().width();
                tensors.put(
                    name.replace(".weight", ".bias"),
                    Stored.of(type, new int[] {outputs}, new float[outputs]));
              }
            });
    return tensors;
  }

  /** A {@code config.json} of Transformers. */
  public static String config(ArrayWeights weights) {
    var c = weights.config();
    return """
    {"model_type": "gpt2", "activation_function": "gelu_new", "n_embd": %d, "n_head": %d,
     "n_layer": %d, "n_positions": %d, "vocab_size": %d, "resid_pdrop": 0.1,
     "layer_norm_epsilon": 1e-05, "tie_word_embeddings": %b, "qkv_bias": %b}
    """
        .formatted(
            c.width(),
            c.heads(),
            c.layers(),
            c.contextLength(),
            c.vocabularySize(),
            c.tieEmbeddings(),
            c.qkvBias());
  }

  /** A Hugging Face folder with one file. */
  public static void huggingFace(Path folder, ArrayWeights weights, Map<String, Stored> tensors)
      throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), config(weights));
    Files.write(folder.resolve("model.safetensors"), safetensors(tensors));
  }

  /** A checkpoint of llm.c as its train_gpt2.py writes it. */
  public static byte[] llmc(ArrayWeights weights, Type type) {
    var c = weights.config();
    int padded = Math.ceilDiv(c.vocabularySize(), 128) * 128;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteBuffer header = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(20240326).putInt(type == Type.F32 ? 3 : 5).putInt(c.contextLength());
    header.putInt(c.vocabularySize()).putInt(c.layers()).putInt(c.heads()).putInt(c.width());
    header.putInt(padded);
    out.writeBytes(header.array());
    float[] wte = weights.arrays().get("transformer.wte.weight");
    out.writeBytes(type.bytes(Arrays.copyOf(wte, padded * c.width())));
    out.writeBytes(type.bytes(weights.arrays().get("transformer.wpe.weight")));
    for (String kind :
        new String[] {
          "ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias",
          "attn.c_proj.weight", "attn.c_proj.bias", "ln_2.weight", "ln_2.bias",
          "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"
        }) {
      for (int layer = 0; layer < c.layers(); layer++) {
        String name = "transformer.h." + layer + "." + kind;
        float[] values = weights.arrays().get(name);
        if (values == null) {
          values = new float[3 * c.width()];
        } else if (ArrayWeights.isLinear(name)) {
          int[] shape = weights.shape(name);
          values = ArrayWeights.transposed(values, shape[0], shape[1]);
        }
        out.writeBytes(type.bytes(values));
      }
    }
    out.writeBytes(type.bytes(weights.arrays().get("transformer.ln_f.weight")));
    out.writeBytes(type.bytes(weights.arrays().get("transformer.ln_f.bias")));
    return out.toByteArray();
  }
}
