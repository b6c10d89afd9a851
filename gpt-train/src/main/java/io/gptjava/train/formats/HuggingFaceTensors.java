package io.gptjava.train.formats;

import io.gptjava.core.GptConfig;
import io.gptjava.core.safetensors.StoredFloats;
import io.gptjava.core.safetensors.TensorEntry;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Kind;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A safetensors model's tensors matched with the parameters of a shape. Accepted are the names of
 * {@code GPT2LMHeadModel}, with or without {@code transformer.}, and those of nanoGPT, which are
 * the same, perhaps after {@code _orig_mod.} (what {@code torch.compile} adds), with linear weights
 * as PyTorch's {@code Linear} has them: (outputs, inputs), and biases left out on request. Causal
 * masks are ignored; so is a head that equals the embedding it is tied to.
 */
public final class HuggingFaceTensors {
  private static final String PREFIX = "transformer.";
  private static final String COMPILED = "_orig_mod.";
  private static final String EMBEDDING = "transformer.wte.weight";
  private static final String HEAD = "lm_head.weight";
  private static final String QKV_WEIGHT = "transformer.h.0.attn.c_attn.weight";
  private static final Pattern MASK =
      Pattern.compile("transformer\\.h\\.\\d+\\.attn\\.(masked_)?bias");

  private final SafetensorsShards shards;
  private final GptConfig config;
  private final boolean biases;
  private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();
  private final List<String> notes = new ArrayList<>();
  private final boolean transposed;

  /**
   * Matches and checks.
   *
   * @param config the shape, as {@code config.json} has it
   * @param biases whether biases must be there; if not, absent ones are zero
   * @throws io.gptjava.core.GptException with {@link io.gptjava.core.Failure#CHECKPOINT} if the
   *     tensors are not those of the shape
   */
  public HuggingFaceTensors(SafetensorsShards shards, GptConfig config, boolean biases) {
    this.shards = shards;
    this.config = config;
    this.biases = biases;
    collect();
    checkTiedHead();
    FileShape.checkLayers(shards.path(), config, tensors.size(), "h.%d.ln_1.weight");
    TensorEntry qkv = tensors.get(QKV_WEIGHT);
    long c = config.width();
    this.transposed = qkv != null && qkv.shape().equals(List.of(3 * c, c));
    if (transposed) {
      notes.add("linear weights are (outputs, inputs), as nanoGPT's: transposed");
      notes.add(
          "nanoGPT's own GELU is the exact one, GPT-2's and this program's the tanh form: outputs"
              + " differ by what that makes");
    }
    match();
  }

  private void collect() {
    int masks = 0;
    for (TensorEntry tensor : shards.tensors().values()) {
      String name = tensor.name();
      name = name.startsWith(COMPILED) ? name.substring(COMPILED.length()) : name;
      name = name.startsWith(PREFIX) || name.equals(HEAD) ? name : PREFIX + name;
      if (MASK.matcher(name).matches()) {
        masks++;
        continue;
      }
      TensorEntry other = tensors.put(name, tensor);
      if (other != null) {
        throw ModelFiles.failure(
            shards.path(),
            "%s and %s are two names of one tensor".formatted(other.name(), tensor.name()));
      }
    }
    if (masks > 0) {
      notes.add("%d causal masks (attn.bias, attn.masked_bias) ignored".formatted(masks));
    }
  }

  /** A tied head that differs would be lost without a word. */
  private void checkTiedHead() {
    TensorEntry head = tensors.get(HEAD);
    if (!config.tieEmbeddings() || head == null) {
      return;
    }
    TensorEntry embedding = tensors.get(EMBEDDING);
    if (embedding != null && !equal(head, embedding)) {
      throw ModelFiles.failure(
          shards.path(),
          "lm_head.weight differs from wte.weight, but config.json ties them; if it is a head of"
              + " its own, write \"tie_word_embeddings\": false there");
    }
    tensors.remove(HEAD);
  }

  private boolean equal(TensorEntry a, TensorEntry b) {
    if (!a.shape().equals(b.shape())) {
      return false;
    }
    if (a.type() == b.type()) {
      return shards.bytes(a).mismatch(shards.bytes(b)) < 0;
    }
    try (Arena arena = Arena.ofConfined()) {
      return floats(arena, a).mismatch(floats(arena, b)) < 0;
    }
  }

  private MemorySegment floats(Arena arena, TensorEntry tensor) {
    MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, tensor.elements());
    shards.copyFloats(tensor, values);
    return values;
  }

  private void match() {
    TensorCheck check = new TensorCheck(shards.path(), "config.json");
    Map<String, TensorEntry> unused = new LinkedHashMap<>(tensors);
    int absent = 0;
    for (Parameter parameter : new ParameterLayout(config).parameters()) {
      TensorEntry tensor = unused.remove(parameter.name());
      if (tensor != null) {
        check.shape(tensor.name(), storedShape(parameter), tensor.shape());
        checkType(tensor);
      } else if (!biases && isBias(parameter)) {
        absent++;
      } else {
        check.missing(shortName(parameter));
      }
    }
    if (!config.qkvBias()) {
      for (int layer = 0; layer < config.layers(); layer++) {
        TensorEntry bias = unused.remove(PREFIX + "h." + layer + ".attn.c_attn.bias");
        if (bias != null && !isZero(bias)) {
          throw ModelFiles.failure(
              shards.path(),
              "%s is not zero, but config.json says \"qkv_bias\": false; remove that line"
                  .formatted(bias.name()));
        }
      }
    }
    unused.values().forEach(tensor -> check.unexpected(tensor.name()));
    check.finish();
    if (absent > 0) {
      notes.add("%d biases that config.json says are left out are zero".formatted(absent));
    }
  }

  private void checkType(TensorEntry tensor) {
    if (!StoredFloats.canRead(tensor.type())) {
      throw ModelFiles.failure(
          shards.path(),
          "tensor %s should be floating-point (F32, F16, BF16 or F64)".formatted(tensor));
    }
  }

  private List<Long> storedShape(Parameter parameter) {
    return isTransposed(parameter) ? parameter.logicalShape().reversed() : parameter.logicalShape();
  }

  private boolean isTransposed(Parameter parameter) {
    return transposed
        && (parameter.kind() == Kind.LINEAR || parameter.kind() == Kind.RESIDUAL_PROJECTION);
  }

  private static boolean isBias(Parameter parameter) {
    return parameter.kind() == Kind.BIAS || parameter.kind() == Kind.NORM_SHIFT;
  }

  private static String shortName(Parameter parameter) {
    String name = parameter.name();
    return name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
  }

  private boolean isZero(TensorEntry tensor) {
    checkType(tensor);
    try (Arena arena = Arena.ofConfined()) {
      return floats(arena, tensor)
          .elements(ValueLayout.JAVA_FLOAT)
          .allMatch(value -> value.get(ValueLayout.JAVA_FLOAT, 0) == 0);
    }
  }

  /** What a person who reads them should know. */
  public List<String> notes() {
    return List.copyOf(notes);
  }

  /** Copies one parameter of the shape's layout out as fp32. */
  public void copy(Parameter parameter, MemorySegment target) {
    TensorEntry tensor = tensors.get(parameter.name());
    if (tensor == null) {
      target.fill((byte) 0); // a bias that was left out
    } else if (isTransposed(parameter)) {
      try (Arena arena = Arena.ofConfined()) {
        long inputs = parameter.logicalShape().get(0);
        long outputs = parameter.logicalShape().get(1);
        Transposer.transpose(floats(arena, tensor), target, outputs, inputs);
      }
    } else {
      shards.copyFloats(tensor, target);
    }
  }
}
