package io.gptjava.cli.config;

import static io.gptjava.cli.config.SettingType.CADENCE;
import static io.gptjava.cli.config.SettingType.CHOICE;
import static io.gptjava.cli.config.SettingType.CHOICES;
import static io.gptjava.cli.config.SettingType.COUNT;
import static io.gptjava.cli.config.SettingType.FLAG;
import static io.gptjava.cli.config.SettingType.LONG;
import static io.gptjava.cli.config.SettingType.NUMBER;
import static io.gptjava.cli.config.SettingType.PATH;
import static io.gptjava.cli.config.SettingType.PATHS;
import static io.gptjava.cli.config.SettingType.POSITIVE;
import static io.gptjava.cli.config.SettingType.RATIO;
import static io.gptjava.cli.config.SettingType.TEXT;

import io.gptjava.cli.config.Setting.Group;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The table of everything that {@code gpt train} can be told: flags, file keys, variables. */
public final class Settings {
  /** Every setting by key, in the order of the help text. */
  public static final Map<String, Setting> ALL = table();

  /** Settings of which only one can hold: giving one drops the others of lower layers. */
  static final List<List<String>> EXCLUSIVE =
      List.of(
          List.of("epochs", "steps", "tokens"),
          List.of("accumulate", "total-batch-tokens"),
          List.of("warmup-steps", "warmup-ratio"),
          List.of("val-data", "train-ratio"));

  /** What {@code init-from} decides in place of a preset. */
  static final List<String> MODEL_SHAPE =
      List.of(
          "layers",
          "heads",
          "width",
          "context-length",
          "vocab-size",
          "qkv-bias",
          "tie-embeddings",
          "initialization");

  private Settings() {}

  private static Map<String, Setting> table() {
    Table t = new Table();
    t.group = Group.DATA;
    t.add(
        "data", PATHS, "Text files, directories, globs or .bin shards. Default: a bundled story.");
    t.add(
        "data-weights",
        TEXT,
        "Shares of the training windows, as 0.7,0.3: one for each path of --data. Default: join"
            + " the paths.");
    t.add(
        "document-attention",
        FLAG,
        "Keep documents apart: no token sees what lies before the last <|endoftext|>.");
    t.add(
        "pad-documents",
        FLAG,
        "One document a sample, cut off or padded to the sequence length, padding ignored.");
    t.add(
        "val-data",
        PATHS,
        "Validation data of the same kinds, instead of a split or of shards named *val*.");
    t.add(
        "train-ratio",
        RATIO,
        "Share of the data to train on; the rest validates. 1.0: no validation.");
    t.add("stride", COUNT, "Distance of window starts in tokens. 0: the sequence length.");
    t.add(
        "num-proc",
        COUNT,
        "Threads that tokenise and load. 0: one per processor. Does not change the result.");
    t.add("shuffle", FLAG, "Draw training windows in a new order each epoch.");
    t.add("drop-last", FLAG, "Leave out an incomplete last training batch.");
    t.group = Group.MODEL;
    t.choice("preset", Presets.NAMES, "Where values not given come from; see --list-presets.");
    t.add("layers", POSITIVE, "Transformer blocks.");
    t.add("heads", POSITIVE, "Attention heads per block; must divide the width.");
    t.add("width", POSITIVE, "Size of the residual stream.");
    t.add("context-length", POSITIVE, "Longest sequence the model can see, in tokens.");
    t.add("vocab-size", POSITIVE, "Number of tokens; GPT-2's tokenizer has 50257.");
    t.add("dropout", RATIO, "Probability on embedding, attention weights and residual branches.");
    t.add("qkv-bias", FLAG, "Bias in the query/key/value projection.");
    t.add("tie-embeddings", FLAG, "Use the token embedding as the output head.");
    t.add("init-from", PATH, "Checkpoint or Hugging Face folder to take shape and weights from.");
    t.group = Group.SIZE;
    t.add("batch-size", POSITIVE, "Sequences in a micro-batch.");
    t.add("sequence-length", POSITIVE, "Training window in tokens. Default: the context length.");
    t.add("accumulate", POSITIVE, "Micro-batches in an optimizer step.");
    t.add(
        "total-batch-tokens",
        POSITIVE,
        "Tokens in an optimizer step, instead of --accumulate: a multiple of batch size × sequence"
            + " length. Without --batch-size the largest one is taken that divides them and fits in"
            + " memory, on a CPU of at most 1024 tokens.");
    t.add("epochs", POSITIVE, "Passes over the training data.");
    t.add("steps", POSITIVE, "Optimizer steps, instead of --epochs.");
    t.add("tokens", POSITIVE, "Tokens to train on, instead of --epochs.");
    t.group = Group.OPTIMIZER;
    t.add("lr", NUMBER, "Peak learning rate of AdamW.");
    t.add("initial-lr", NUMBER, "Learning rate at which warm-up begins.");
    t.add("min-lr", NUMBER, "Learning rate at which the decay ends.");
    t.choice(
        "schedule",
        List.of("constant", "linear", "cosine", "wsd"),
        "Learning rate after warm-up; wsd stays at the peak and falls over the last fifth.");
    t.add("warmup-steps", COUNT, "Optimizer steps of linear warm-up.");
    t.add("warmup-ratio", RATIO, "Warm-up as a share of all steps, instead of --warmup-steps.");
    t.add("weight-decay", NUMBER, "Decoupled weight decay.");
    t.add("decay-all", FLAG, "Decay every parameter; otherwise every 2-D tensor.");
    t.add("beta1", RATIO, "Decay of AdamW's first moment.");
    t.add("beta2", RATIO, "Decay of AdamW's second moment.");
    t.add("eps", NUMBER, "AdamW's ε.");
    t.add("clip-norm", NUMBER, "Largest global gradient norm. 0: no clipping.");
    t.add("clip-after-warmup", FLAG, "Begin to clip only after warm-up.");
    t.group = Group.NUMERICS;
    t.choice(
        "precision",
        List.of("fp32", "tf32", "bf16", "fp16"),
        "Number formats; fp16 scales the loss dynamically.");
    t.add(
        "stochastic-rounding",
        FLAG,
        "Round the weights that bf16 computes with up or down by chance, not to nearest.");
    t.choice("cpu-matmul", List.of("vector", "onednn"), "Matrix products of the CPU backend.");
    t.choice(
        "recompute",
        List.of("none", "gelu", "block"),
        "Activations to compute again in the backward pass to save memory.");
    t.add("seed", LONG, "Seed of every random stream.");
    t.group = Group.DEVICE;
    t.choice("backend", List.of("auto", "cuda", "cpu", "reference"), "What runs it.");
    t.add("device", COUNT, "Index of the device.");
    t.choice("blas", List.of("panama", "jcuda"), "How the CUDA backend calls cuBLAS.");
    t.add("threads", COUNT, "Threads of the CPU backend. 0: one per processor.");
    t.add("sync-kernels", FLAG, "Wait for each CUDA kernel, to find the one that fails.");
    t.add(
        "profile",
        FLAG,
        "Time the ops of three steps; a table of them, and a timeline in trace.json.");
    t.group = Group.WATCHING;
    t.add("eval-every", CADENCE, "When to evaluate.");
    t.add("eval-batches", COUNT, "Most batches of each split per evaluation. 0: all.");
    t.add("sample-every", CADENCE, "When to generate a sample.");
    t.add(
        "watch",
        COUNT,
        "Port of a live page at http://127.0.0.1:PORT, for this machine only. 0: none.");
    t.several(
        "log", List.of("jsonl", "tensorboard", "csv"), "Metric files to write; jsonl always is.");
    t.add("sample-prompt", TEXT, "Text that samples continue.");
    t.add("sample-tokens", COUNT, "Tokens to generate per sample.");
    t.choice(
        "log-style",
        List.of("default", "textbook", "batch", "pipeline"),
        "Form of the lines on the console.");
    t.add("quiet", FLAG, "Print only warnings and errors.");
    t.add("json", FLAG, "Print events as JSON lines instead of text.");
    t.group = Group.KEEPING;
    t.add("out", PATH, "Folder of the run; must not exist. Default: runs/<date>-<name>.");
    t.add("save-every", CADENCE, "When to write a checkpoint. 0: only at the end.");
    t.add("keep", COUNT, "Newest checkpoints to keep besides the best. 0: all.");
    t.choice(
        "on-nan",
        List.of("stop", "rollback"),
        "What to do when the loss is not finite: stop, or go back and leave its data out.");
    t.choice(
        "spike-guard",
        List.of("off", "skip", "rollback"),
        "What to do when the loss or the gradient norm jumps: nothing, drop the update, or go back"
            + " to the last checkpoint and leave its data out.");
    t.add(
        "spike-threshold",
        NUMBER,
        "Standard deviations above the good steps before from which on a step is a spike.");
    t.add("spike-window", POSITIVE, "Good steps that mean and deviation are taken over.");
    t.add(
        "stop-after-no-improvement",
        COUNT,
        "Evaluations without a better validation loss before stopping; each better one is saved."
            + " 0: never.");
    t.group = Group.PRESET_ONLY;
    t.choice("initialization", List.of("gpt2", "pytorch"), "How weights begin.");
    return Collections.unmodifiableMap(t.settings);
  }

  /** The settings that have a flag. */
  public static List<Setting> withFlags() {
    return new ArrayList<>(ALL.values().stream().filter(Setting::hasFlag).toList());
  }

  private static final class Table {
    private final Map<String, Setting> settings = new LinkedHashMap<>();
    private Group group;

    void add(String key, SettingType type, String description) {
      settings.put(key, new Setting(key, type, group, List.of(), description));
    }

    void choice(String key, List<String> choices, String description) {
      settings.put(key, new Setting(key, CHOICE, group, choices, description));
    }

    void several(String key, List<String> choices, String description) {
      settings.put(key, new Setting(key, CHOICES, group, choices, description));
    }
  }
}
