package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.AdamWSettings;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/**
 * What a peer trains: a folder with {@code model/} (a checkpoint of the initial weights), {@code
 * batches.bin} (for each batch B·T inputs and B·T targets, int32, little-endian) and {@code
 * task.json}, and the flags of its process.
 *
 * @param folder that {@link PeerPreparation} wrote
 * @param model shape; its dropout is that of the process
 * @param precision {@link Precision#FP32} or {@link Precision#BF16}
 * @param batch B
 * @param sequence T
 * @param batches in {@code batches.bin}
 * @param threads of the peer; 0 for one per processor
 * @param device {@code cpu} or {@code cuda}
 */
public record PeerTask(
    Path folder,
    GptConfig model,
    Precision precision,
    int batch,
    int sequence,
    int batches,
    int threads,
    String device) {
  /** Initial weights, below the folder. */
  public static final String MODEL = "model";

  /** Learning rate after its warm-up. */
  private static final float LEARNING_RATE = 4e-4f;

  /**
   * Steps of the warm-up. At the full rate from the first step AdamW turns the rounding of tiny
   * gradients into differences of the loss of 10⁻³ within 20 steps.
   */
  private static final int WARMUP = 100;

  /** Largest global gradient norm. */
  public static final float CLIP = 1;

  /** AdamW of every peer; all parameters decay. */
  public static final AdamWSettings ADAM_W = new AdamWSettings(0.9f, 0.999f, 1e-8f, 0.1f);

  private static final String BATCHES = "batches.bin";
  private static final String TASK = "task.json";

  /**
   * Reads the arguments of a peer's process: {@code FOLDER PRECISION DROPOUT THREADS DEVICE}.
   *
   * @throws IllegalArgumentException if they are not those
   */
  public static PeerTask parse(String... arguments) throws IOException {
    if (arguments.length != 5) {
      throw new IllegalArgumentException(
          "usage: FOLDER fp32|bf16 DROPOUT THREADS cpu|cuda, got " + String.join(" ", arguments));
    }
    Path folder = Path.of(arguments[0]);
    JsonNode json = new ObjectMapper().readTree(Files.readString(folder.resolve(TASK)));
    JsonNode model = json.path("model");
    return new PeerTask(
        folder,
        new GptConfig(
            model.path("vocab_size").intValue(),
            model.path("context_length").intValue(),
            model.path("width").intValue(),
            model.path("layers").intValue(),
            model.path("heads").intValue(),
            Float.parseFloat(arguments[2]),
            model.path("qkv_bias").booleanValue(),
            model.path("tie_embeddings").booleanValue()),
        Precision.valueOf(arguments[1].toUpperCase(Locale.ROOT)),
        json.path("batch_size").intValue(),
        json.path("sequence_length").intValue(),
        json.path("batches").intValue(),
        Integer.parseInt(arguments[3]),
        arguments[4]);
  }

  /** Writes {@code task.json}. */
  void write(String text) throws IOException {
    ObjectNode json = new ObjectMapper().createObjectNode();
    ObjectNode shape = json.putObject("model");
    shape.put("vocab_size", model.vocabularySize()).put("context_length", model.contextLength());
    shape.put("width", model.width()).put("layers", model.layers()).put("heads", model.heads());
    shape.put("qkv_bias", model.qkvBias()).put("tie_embeddings", model.tieEmbeddings());
    json.put("parameters", model.parameterCount());
    json.put("batch_size", batch).put("sequence_length", sequence).put("batches", batches);
    json.put("text", text);
    ObjectNode optimizer = json.putObject("adamw");
    optimizer.put("learning_rate", LEARNING_RATE).put("warmup_steps", WARMUP).put("clip", CLIP);
    optimizer.put("beta1", ADAM_W.beta1()).put("beta2", ADAM_W.beta2());
    optimizer.put("epsilon", ADAM_W.epsilon()).put("weight_decay", ADAM_W.weightDecay());
    Files.writeString(folder.resolve(TASK), json.toPrettyString() + "\n");
  }

  /** Learning rate of a step, counted from 0: it grows linearly and then stays. */
  public static float learningRate(int step) {
    return LEARNING_RATE * Math.min(1, (step + 1f) / WARMUP);
  }

  Path batchFile() {
    return folder.resolve(BATCHES);
  }

  /** Tokens of a step. */
  public long tokens() {
    return (long) batch * sequence;
  }

  /** Threads that the peer computes with. */
  public int actualThreads() {
    return threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
  }

  /**
   * Reads the batch of a step; after the last batch the first one follows.
   *
   * @param inputs receives B·T ids
   * @param targets receives B·T ids
   */
  public void read(int step, int[] inputs, int[] targets) throws IOException {
    int bytes = Math.toIntExact(2 * tokens() * Integer.BYTES);
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(batchFile(), StandardOpenOption.READ)) {
      long at = (long) (step % batches) * bytes;
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, at + buffer.position()) < 0) {
          throw new IOException(batchFile() + " is shorter than task.json says");
        }
      }
    }
    buffer.flip().asIntBuffer().get(inputs).get(targets);
  }
}
