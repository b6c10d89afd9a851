package io.gptjava.cli.model;

import io.gptjava.core.Backend;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.run.FlatParameters;

/** Makes models for inference. */
public final class LoadedModel {
  private LoadedModel() {}

  /**
   * A model with the weights of a source.
   *
   * @param batch B
   * @param sequence T
   */
  public static GptModel load(Backend backend, ModelSource source, int batch, int sequence) {
    GptModel model = new GptModel(backend, source.config(), batch, sequence, false);
    source.read(new FlatParameters(backend, model.layout(), model.weights().flat()));
    return model;
  }
}
