package io.gptjava.train.formats;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Kind;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * GPT-2 as OpenAI published it: a folder with {@code hparams.json}, a {@link TensorBundle} and
 * {@code checkpoint}, which names it. Weights of linear layers are (1, inputs, outputs); the head
 * is the token embedding.
 */
public final class OpenAiCheckpoint implements ModelWeights {
  private static final String SHAPE = "hparams.json";
  private static final String POINTER = "checkpoint";
  private static final String ROOT = "model/";
  private static final float DROPOUT = 0.1f;
  private static final long MOST_POINTER_BYTES = 1 << 20;
  private static final Pattern NAMED =
      Pattern.compile("(?m)^\\s*model_checkpoint_path\\s*:\\s*\"([^\"\\n]*)\"");

  private final Path folder;
  private final GptConfig config;
  private final TensorBundle bundle;
  private final Map<String, TensorBundle.Entry> tensors = new LinkedHashMap<>();
  private final List<String> notes = new ArrayList<>();

  private OpenAiCheckpoint(Path folder, GptConfig config, TensorBundle bundle) {
    this.folder = folder;
    this.config = config;
    this.bundle = bundle;
    FileShape.checkLayers(bundle.path(), config, bundle.entries().size(), ROOT + "h%d/ln_1/g");
    match();
  }

  /**
   * Opens a folder.
   *
   * @throws GptException with {@link io.gptjava.core.Failure#CHECKPOINT} if it is not a GPT-2 or
   *     damaged
   */
  public static OpenAiCheckpoint open(Path folder) {
    Path shape = folder.resolve(SHAPE);
    if (!Files.isRegularFile(shape)) {
      throw ModelFiles.failure(
          folder, "it has no %s; give the folder of one of OpenAI's models".formatted(SHAPE));
    }
    GptConfig config = shape(shape, ModelFiles.readJson(shape));
    TensorBundle bundle = TensorBundle.open(folder.resolve(bundleName(folder)));
    try {
      return new OpenAiCheckpoint(folder, config, bundle);
    } catch (RuntimeException e) {
      bundle.close();
      throw e;
    }
  }

  private static GptConfig shape(Path file, JsonNode json) {
    int width = number(file, json, "n_embd");
    int heads = number(file, json, "n_head");
    FileShape.checkHeads(file, "n_embd", width, "n_head", heads);
    return new GptConfig(
        number(file, json, "n_vocab"),
        number(file, json, "n_ctx"),
        width,
        FileShape.layers(file, "n_layer", whole(file, json, "n_layer")),
        heads,
        DROPOUT,
        true,
        true);
  }

  private static int number(Path file, JsonNode json, String key) {
    return FileShape.number(file, key, whole(file, json, key));
  }

  private static long whole(Path file, JsonNode json, String key) {
    JsonNode value = json.path(key);
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw ModelFiles.failure(file, "it gives no whole number as " + key);
    }
    return value.longValue();
  }

  /** The name in {@code checkpoint}, which may be of another folder only in writing. */
  private static String bundleName(Path folder) {
    Path pointer = folder.resolve(POINTER);
    String text;
    try {
      text = new String(ModelFiles.read(pointer, MOST_POINTER_BYTES), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw ModelFiles.unreadable(pointer, e);
    }
    Matcher matcher = NAMED.matcher(text);
    if (!matcher.find()) {
      throw ModelFiles.failure(pointer, "it has no line model_checkpoint_path: \"NAME\"");
    }
    String name = matcher.group(1);
    if (!ModelFiles.isPlainName(name)) {
      throw ModelFiles.failure(
          pointer,
          "model_checkpoint_path is \"%s\"; it should be a name in this folder, such as model.ckpt"
              .formatted(name.length() > 100 ? name.substring(0, 100) + "…" : name));
    }
    return name;
  }

  private void match() {
    TensorCheck check = new TensorCheck(bundle.path(), SHAPE);
    Map<String, TensorBundle.Entry> unused = new LinkedHashMap<>(bundle.entries());
    for (Parameter parameter : new ParameterLayout(config).parameters()) {
      String name = nameOf(parameter);
      TensorBundle.Entry tensor = unused.remove(name);
      if (tensor == null) {
        check.missing(name);
        continue;
      }
      if (tensor.partitioned() || tensor.floatType() == null) {
        throw ModelFiles.failure(
            bundle.path(),
            "tensor %s is %s"
                .formatted(
                    name, tensor.partitioned() ? "in slices; save it whole" : "not of floats"));
      }
      check.shape(name, parameter.logicalShape(), withoutLeadingOne(parameter, tensor.shape()));
      tensors.put(parameter.name(), tensor);
    }
    int ignored = 0;
    for (String name : unused.keySet()) {
      if (name.startsWith(ROOT) && !name.matches(".*/Adam(_\\d+)?")) {
        check.unexpected(name);
      } else {
        ignored++;
      }
    }
    check.finish();
    if (ignored > 0) {
      notes.add("%d variables of the optimizer or the training loop ignored".formatted(ignored));
    }
  }

  private static List<Long> withoutLeadingOne(Parameter parameter, List<Long> shape) {
    boolean linear =
        parameter.kind() == Kind.LINEAR || parameter.kind() == Kind.RESIDUAL_PROJECTION;
    return linear && shape.size() == 3 && shape.getFirst() == 1
        ? shape.subList(1, shape.size())
        : shape;
  }

  /** {@code transformer.h.3.ln_1.weight} is {@code model/h3/ln_1/g}. */
  private static String nameOf(Parameter parameter) {
    String name =
        parameter
            .name()
            .replaceFirst("^transformer\\.", ROOT)
            .replaceFirst("/h\\.(\\d+)\\.", "/h$1/")
            .replaceFirst("\\.bias$", "/b");
    name =
        switch (parameter.kind()) {
          case EMBEDDING -> name.replaceFirst("\\.weight$", "");
          case NORM_SCALE -> name.replaceFirst("\\.weight$", "/g");
          default -> name.replaceFirst("\\.weight$", "/w");
        };
    return name.replace('.', '/');
  }

  @Override
  public Path path() {
    return folder;
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public List<String> notes() {
    return List.copyOf(notes);
  }

  @Override
  public void copy(Parameter parameter, MemorySegment target) {
    bundle.copyFloats(tensors.get(parameter.name()), target);
  }

  @Override
  public void close() {
    bundle.close();
  }
}
