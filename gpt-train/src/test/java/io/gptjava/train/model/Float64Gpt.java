package io.gptjava.train.model;

import io.gptjava.core.Dropout;
import io.gptjava.core.DropoutLayout;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Philox;
import java.util.HashMap;
import java.util.Map;

/**
 * GPT-2's loss in plain float64 loops, written from the formulas and sharing nothing with the
 * product but the parameter layout and the definition of the dropout masks: what the tests compare
 * with.
 */
final class Float64Gpt {
  private final GptConfig config;
  private final Map<String, Integer> offsets = new HashMap<>();
  private final long seed;
  private final int c;

  Float64Gpt(GptConfig config, long seed) {
    this.config = config;
    for (var parameter : new ParameterLayout(config).parameters()) {
      offsets.put(parameter.name(), Math.toIntExact(parameter.offset()));
    }
    this.seed = seed;
    this.c = config.width();
  }

  /** Mean cross-entropy over (B, T) tokens; dropout as at {@code step} with sample 0 first. */
  double loss(double[] w, int[] tokens, int[] targets, int sequence, int step, boolean dropout) {
    int batch = tokens.length / sequence;
    double sum = 0;
    long count = 0;
    for (int b = 0; b < batch; b++) {
      double[][] logits = logits(w, tokens, b, sequence, step, dropout ? config.dropout() : 0);
      for (int t = 0; t < sequence; t++) {
        int target = targets[b * sequence + t];
        if (target >= 0) {
          sum += logSumExp(logits[t]) - logits[t][target];
          count++;
        }
      }
    }
    return sum / count;
  }

  /** Logits (T, V) of sequence b. */
  double[][] logits(double[] w, int[] tokens, int b, int sequence, int step, float p) {
    double[][] x = new double[sequence][c];
    int wte = at("transformer.wte.weight");
    int wpe = at("transformer.wpe.weight");
    for (int t = 0; t < sequence; t++) {
      for (int i = 0; i < c; i++) {
        x[t][i] = w[wte + tokens[b * sequence + t] * c + i] + w[wpe + t * c + i];
      }
    }
    drop(x, Dropout.of(p, Philox.PURPOSE_EMBEDDING_DROPOUT, 0), b, step);
    for (int layer = 0; layer < config.layers(); layer++) {
      String h = "transformer.h." + layer + ".";
      double[][] a = attention(w, h, norm(w, x, h + "ln_1"), b, step, p, layer);
      drop(a, Dropout.of(p, Philox.PURPOSE_RESIDUAL_DROPOUT, 2 * layer), b, step);
      add(x, a);
      double[][] m = linear(w, norm(w, x, h + "ln_2"), h + "mlp.c_fc", 4 * c);
      for (double[] row : m) {
        for (int i = 0; i < row.length; i++) {
          double v = row[i];
          row[i] = 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)));
        }
      }
      m = linear(w, m, h + "mlp.c_proj", c);
      drop(m, Dropout.of(p, Philox.PURPOSE_RESIDUAL_DROPOUT, 2 * layer + 1), b, step);
      add(x, m);
    }
    x = norm(w, x, "transformer.ln_f");
    int head = at(config.tieEmbeddings() ? "transformer.wte.weight" : "lm_head.weight");
    double[][] logits = new double[sequence][config.vocabularySize()];
    for (int t = 0; t < sequence; t++) {
      for (int v = 0; v < config.vocabularySize(); v++) {
        for (int i = 0; i < c; i++) {
          logits[t][v] += x[t][i] * w[head + v * c + i];
        }
      }
    }
    return logits;
  }

  private double[][] attention(
      double[] w, String h, double[][] x, int b, int step, float p, int layer) {
    int sequence = x.length;
    int size = config.headSize();
    double[][] qkv = linear(w, x, h + "attn.c_attn", 3 * c);
    double[][] out = new double[sequence][c];
    Dropout dropout = Dropout.of(p, Philox.PURPOSE_ATTENTION_DROPOUT, layer);
    int[] words = new int[4];
    for (int head = 0; head < config.heads(); head++) {
      for (int i = 0; i < sequence; i++) {
        double[] s = new double[i + 1];
        for (int j = 0; j <= i; j++) {
          for (int d = 0; d < size; d++) {
            s[j] += qkv[i][head * size + d] * qkv[j][c + head * size + d];
          }
          s[j] /= Math.sqrt(size);
        }
        double lse = logSumExp(s);
        for (int j = 0; j <= i; j++) {
          double weight = Math.exp(s[j] - lse);
          long global = (long) b * config.heads() + head;
          long block = DropoutLayout.attentionBlock(global, sequence, i, j);
          Philox.block(seed, block, step, dropout.purpose(), dropout.site(), words, 0);
          int lane = DropoutLayout.lane(words, 0, DropoutLayout.attentionLane(i, j));
          weight *= lane >= dropout.threshold() ? 65536.0 / (65536 - dropout.threshold()) : 0;
          for (int d = 0; d < size; d++) {
            out[i][head * size + d] += weight * qkv[j][2 * c + head * size + d];
          }
        }
      }
    }
    return linear(w, out, h + "attn.c_proj", c);
  }

  private double[][] norm(double[] w, double[][] x, String name) {
    double[][] out = new double[x.length][c];
    int gamma = at(name + ".weight");
    int beta = at(name + ".bias");
    for (int t = 0; t < x.length; t++) {
      double mean = 0;
      double variance = 0;
      for (double v : x[t]) {
        mean += v / c;
      }
      for (double v : x[t]) {
        variance += (v - mean) * (v - mean) / c;
      }
      for (int i = 0; i < c; i++) {
        out[t][i] = (x[t][i] - mean) / Math.sqrt(variance + 1e-5f) * w[gamma + i] + w[beta + i];
      }
    }
    return out;
  }

  private double[][] linear(double[] w, double[][] x, String name, int outputs) {
    double[][] out = new double[x.length][outputs];
    int weight = at(name + ".weight");
    int bias = offsets.getOrDefault(name + ".bias", -1);
    for (int t = 0; t < x.length; t++) {
      for (int m = 0; m < outputs; m++) {
        double sum = bias >= 0 ? w[bias + m] : 0;
        for (int k = 0; k < x[t].length; k++) {
          sum += x[t][k] * w[weight + k * outputs + m];
        }
        out[t][m] = sum;
      }
    }
    return out;
  }

  private void drop(double[][] x, Dropout dropout, int b, int step) {
    int[] words = new int[4];
    if (!dropout.active()) {
      return;
    }
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < c; i++) {
        long e = ((long) b * x.length + t) * c + i;
        long block = DropoutLayout.rowBlock(e);
        Philox.block(seed, block, step, dropout.purpose(), dropout.site(), words, 0);
        int lane = DropoutLayout.lane(words, 0, DropoutLayout.rowLane(e));
        x[t][i] *= lane >= dropout.threshold() ? 65536.0 / (65536 - dropout.threshold()) : 0;
      }
    }
  }

  private static void add(double[][] x, double[][] y) {
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < x[t].length; i++) {
        x[t][i] += y[t][i];
      }
    }
  }

  private static double logSumExp(double[] s) {
    double max = Double.NEGATIVE_INFINITY;
    for (double v : s) {
      max = Math.max(max, v);
    }
    double sum = 0;
    for (double v : s) {
      sum += Math.exp(v - max);
    }
    return max + Math.log(sum);
  }

  private int at(String name) {
    return offsets.get(name);
  }
}
