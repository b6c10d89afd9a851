package io.gptjava.train.formats;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.SafetensorsFile;
import io.gptjava.core.safetensors.TensorEntry;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors of one model in {@code model.safetensors}, or in the files that {@code
 * model.safetensors.index.json} names: {@code {"weight_map": {TENSOR: FILE}}}. An index may name
 * files of its own folder only, and must agree with what they hold.
 */
public final class SafetensorsShards implements AutoCloseable {
  /** The file of a model that is in one. */
  public static final String SINGLE = "model.safetensors";

  /** The list of the files of a model that is in several. */
  public static final String INDEX = "model.safetensors.index.json";

  private static final int MOST_SHARDS = 1000;

  private final Path path;
  private final List<SafetensorsFile> files = new ArrayList<>();
  private final Map<String, SafetensorsFile> homes = new LinkedHashMap<>();
  private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();

  private SafetensorsShards(Path path) {
    this.path = path;
  }

  /**
   * Opens the weights of a folder; one file is preferred to several, as Transformers does.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if there are none or they are damaged
   */
  public static SafetensorsShards open(Path folder) {
    Path single = folder.resolve(SINGLE);
    Path index = folder.resolve(INDEX);
    boolean sharded = !Files.isRegularFile(single) && Files.isRegularFile(index);
    if (!sharded && !Files.isRegularFile(single)) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s has no %s; save it again with save_pretrained(…, safe_serialization=True)"
              .formatted(folder, SINGLE));
    }
    SafetensorsShards shards = new SafetensorsShards(sharded ? index : single);
    try {
      if (sharded) {
        shards.addIndexed(folder);
      } else {
        shards.add(single);
      }
      return shards;
    } catch (RuntimeException e) {
      shards.close();
      throw e;
    }
  }

  private void addIndexed(Path folder) {
    JsonNode map = ModelFiles.readJson(path).path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw ModelFiles.failure(path, "it has no weight_map");
    }
    Map<String, SafetensorsFile> opened = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      String name = entry.getValue().asText();
      if (!ModelFiles.isPlainName(name) || !name.endsWith(".safetensors")) {
        throw ModelFiles.failure(
            path,
            "tensor '%s' lies in '%s', which is not the name of a .safetensors file beside it"
                .formatted(shortened(entry.getKey()), shortened(name)));
      }
      if (!opened.containsKey(name)) {
        if (opened.size() == MOST_SHARDS) {
          throw ModelFiles.failure(path, "it names more than " + MOST_SHARDS + " files");
        }
        opened.put(name, add(folder.resolve(name)));
      }
      if (homes.get(entry.getKey()) != opened.get(name)) {
        throw ModelFiles.failure(
            path, "%s has no tensor '%s'".formatted(name, shortened(entry.getKey())));
      }
    }
    for (String name : homes.keySet()) {
      if (!map.has(name)) {
        throw ModelFiles.failure(
            path,
            "it does not name tensor '%s' of %s"
                .formatted(shortened(name), homes.get(name).path().getFileName()));
      }
    }
  }

  private SafetensorsFile add(Path shard) {
    SafetensorsFile file = SafetensorsFile.open(shard);
    files.add(file);
    for (TensorEntry tensor : file.tensors().values()) {
      SafetensorsFile other = homes.putIfAbsent(tensor.name(), file);
      if (other != null) {
        throw ModelFiles.failure(
            path,
            "%s and %s both have a tensor '%s'"
                .formatted(
                    other.path().getFileName(), shard.getFileName(), shortened(tensor.name())));
      }
      tensors.put(tensor.name(), tensor);
    }
    return file;
  }

  private static String shortened(String name) {
    return name.length() > 100 ? name.substring(0, 100) + "…" : name;
  }

  /** The weights' only file, or the list of their files. */
  public Path path() {
    return path;
  }

  /** All tensors by name. */
  public Map<String, TensorEntry> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /** A tensor's bytes as they lie in the file. */
  public MemorySegment bytes(TensorEntry tensor) {
    return homes.get(tensor.name()).bytes(tensor.name());
  }

  /**
   * Copies a tensor out as fp32.
   *
   * @param target 4 bytes for each element
   */
  public void copyFloats(TensorEntry tensor, MemorySegment target) {
    homes.get(tensor.name()).copyFloats(tensor.name(), target);
  }

  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }
}
