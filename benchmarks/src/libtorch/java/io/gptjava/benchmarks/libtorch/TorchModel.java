package io.gptjava.benchmarks.libtorch;

import io.gptjava.core.GptConfig;
import io.gptjava.core.safetensors.SafetensorsFile;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * GPT-2 with libtorch's operations, as {@code nn} modules would call them: weights of linear layers
 * are (outputs, inputs), attention is {@code scaled_dot_product_attention}, and autograd does the
 * backward pass.
 */
final class TorchModel {
  private static final double EPSILON = GptConfig.LAYER_NORM_EPSILON;

  private final GptConfig config;
  private final SafetensorsFile file;
  private final boolean halfWeights;
  private final List<Tensor> parameters = new ArrayList<>();
  private final Tensor tokenEmbedding; // (V, C)
  private final Tensor positionEmbedding; // (context, C)
  private final List<Block> blocks = new ArrayList<>();
  private final Norm finalNorm;
  private final Tensor head; // (V, C)

  private record Norm(Tensor weight, Tensor bias) {}

  private record Linear(Tensor weight, Tensor biasOrNull) {}

  private record Block(
      Norm norm1, Linear qkv, Linear projection, Norm norm2, Linear fc, Linear out) {}

  /**
   * Reads the initial weights.
   *
   * @param file of our checkpoint
   * @param halfWeights whether the weights are bf16 instead of fp32
   */
  TorchModel(GptConfig config, SafetensorsFile file, boolean halfWeights) {
    this.config = config;
    this.file = file;
    this.halfWeights = halfWeights;
    tokenEmbedding = read("transformer.wte.weight", false);
    positionEmbedding = read("transformer.wpe.weight", false);
    for (int layer = 0; layer < config.layers(); layer++) {
      String block = "transformer.h." + layer + ".";
      blocks.add(
          new Block(
              norm(block + "ln_1"),
              linear(block + "attn.c_attn", config.qkvBias()),
              linear(block + "attn.c_proj", true),
              norm(block + "ln_2"),
              linear(block + "mlp.c_fc", true),
              linear(block + "mlp.c_proj", true)));
    }
    finalNorm = norm("transformer.ln_f");
    head = config.tieEmbeddings() ? tokenEmbedding : read("lm_head.weight", false);
  }

  private Norm norm(String name) {
    return new Norm(read(name + ".weight", false), read(name + ".bias", false));
  }

  private Linear linear(String name, boolean bias) {
    return new Linear(read(name + ".weight", true), bias ? read(name + ".bias", false) : null);
  }

  private Tensor read(String name, boolean transposed) {
    long[] shape = file.tensor(name).shape().stream().mapToLong(Long::longValue).toArray();
    try (PointerScope _ = new PointerScope()) {
      Tensor stored = torch.empty(shape);
      FloatPointer values = new FloatPointer(stored.data_ptr());
      values.capacity(stored.numel());
      file.copyFloats(name, java.lang.foreign.MemorySegment.ofBuffer(values.asByteBuffer()));
      Tensor tensor = transposed ? stored.transpose(0, 1).contiguous() : stored;
      if (halfWeights) {
        tensor = tensor.toType(torch.ScalarType.BFloat16);
      }
      tensor.set_requires_grad(true);
      tensor.retainReference();
      parameters.add(tensor);
      return tensor;
    }
  }

  /** All parameters, each once. */
  List<Tensor> parameters() {
    return parameters;
  }

  /**
   * Mean cross-entropy over all tokens, with dropout.
   *
   * @param tokens (B, T) int64
   * @param targets (B·T) int64
   * @param positions (T) int64
   */
  Tensor loss(Tensor tokens, Tensor targets, Tensor positions) {
    Tensor embedded =
        torch.embedding(tokenEmbedding, tokens).add(torch.embedding(positionEmbedding, positions));
    Tensor x = dropout(embedded); // (B, T, C)
    for (Block block : blocks) {
      x = block(block, x);
    }
    Tensor logits = torch.linear(norm(x, finalNorm), head); // (B, T, V)
    Tensor rows = logits.view(-1, config.vocabularySize());
    return torch.cross_entropy_loss(
        halfWeights ? rows.toType(torch.ScalarType.Float) : rows, targets);
  }

  /** Handles to what a block computes are let go at its end; autograd keeps what it needs. */
  private Tensor block(Block block, Tensor x) {
    try (PointerScope _ = new PointerScope()) {
      Tensor y = x.add(dropout(linear(attention(block, norm(x, block.norm1)), block.projection)));
      Tensor hidden = torch.gelu(linear(norm(y, block.norm2), block.fc), "tanh");
      Tensor z = y.add(dropout(linear(hidden, block.out)));
      z.retainReference();
      return z;
    }
  }

  private Tensor attention(Block block, Tensor x) {
    long batch = x.size(0);
    long sequence = x.size(1);
    Tensor qkv =
        linear(x, block.qkv)
            .view(batch, sequence, 3, config.heads(), config.headSize())
            .permute(2, 0, 3, 1, 4); // (3, B, NH, T, HS)
    Tensor mixed =
        torch.scaled_dot_product_attention(
            qkv.select(0, 0),
            qkv.select(0, 1),
            qkv.select(0, 2),
            new TensorOptional(),
            config.dropout(),
            true,
            new DoubleOptional(),
            false);
    return mixed.transpose(1, 2).reshape(batch, sequence, config.width());
  }

  private Tensor norm(Tensor x, Norm norm) {
    return torch.layer_norm(
        x,
        new long[] {config.width()},
        new TensorOptional(norm.weight),
        new TensorOptional(norm.bias),
        EPSILON,
        true);
  }

  private static Tensor linear(Tensor x, Linear linear) {
    TensorOptional bias =
        linear.biasOrNull == null ? new TensorOptional() : new TensorOptional(linear.biasOrNull);
    return torch.linear(x, linear.weight, bias);
  }

  private Tensor dropout(Tensor x) {
    return config.dropout() > 0 ? torch.dropout(x, config.dropout(), true) : x;
  }
}
