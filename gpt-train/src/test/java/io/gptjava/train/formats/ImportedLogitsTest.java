package io.gptjava.train.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.train.formats.ModelBytes.Type;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.Float64GptAccess;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.run.FlatParameters;
import io.gptjava.train.run.ModelFolder;
import io.gptjava.train.run.ModelFolderWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What imported models compute, against the formulas in float64 with the weights as drawn. */
class ImportedLogitsTest {
  private static final int[] PROMPT = {1, 2, 130, 4, 4, 0, 7, 99};

  @TempDir Path folder;

  private static double[] expected(ArrayWeights weights) {
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      GptModel model = new GptModel(backend, weights.config(), 1, 1, false);
      new FlatParameters(backend, model.layout(), model.masters()).write(weights::copy);
      return Float64GptAccess.lastLogits(weights.config(), model.masters(), PROMPT);
    }
  }

  private void assertComputes(ArrayWeights weights, ModelWeights source) throws IOException {
    Path ours = folder.resolve("ours");
    ModelFolderWriter.writeCheckpoint(ours, source);
    double[] expected = expected(weights);
    double scale = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    for (String name : new String[] {"reference", "cpu"}) {
      try (Backend backend = Backends.open(name, BackendOptions.DEFAULT.withThreads(2));
          ModelFolder opened = ModelFolder.open(ours)) {
        GptConfig config = opened.config();
        GptModel model = new GptModel(backend, config, 1, 1, false);
        opened.read(new FlatParameters(backend, model.layout(), model.masters()));
        float[] logits = new float[config.vocabularySize()];
        try (Decoder decoder = new Decoder(backend, config, model.weights())) {
          decoder.append(PROMPT, 0, PROMPT.length, logits);
        }
        for (int v = 0; v < logits.length; v++) {
          assertEquals(expected[v], logits[v], 1e-5 * scale, name + ", token " + v);
        }
      }
    }
  }

  @Test
  void ofHuggingFace() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.TEXTBOOK, 1);
    Path theirs = folder.resolve("theirs");
    ModelBytes.huggingFace(theirs, weights, ModelBytes.gpt2(weights, Type.F32));
    try (ModelFolder opened = ModelFolder.open(theirs)) {
      assertComputes(weights, opened);
    }
  }

  @Test
  void ofOpenAi() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 2);
    Path theirs = folder.resolve("theirs");
    BundleBytes.of(weights).write(theirs, weights);
    try (OpenAiCheckpoint opened = OpenAiCheckpoint.open(theirs)) {
      assertComputes(weights, opened);
    }
  }

  @Test
  void ofLlmc() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 3);
    Path theirs = folder.resolve("theirs.bin");
    Files.write(theirs, ModelBytes.llmc(weights, Type.F32));
    try (LlmcCheckpoint opened = LlmcCheckpoint.open(theirs)) {
      assertComputes(weights, opened);
    }
  }
}
