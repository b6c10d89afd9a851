package io.gptjava.core;

/**
 * Shape of a GPT-2 family model (Radford et al., 2019): pre-norm transformer decoder with learned
 * positions.
 *
 * @param vocabularySize V, number of tokens; storage is padded ({@link #paddedVocabularySize()})
 * @param contextLength longest sequence, the rows of the position embedding
 * @param width C, size of the residual stream
 * @param layers number of transformer blocks
 * @param heads NH, attention heads per block; divides {@code width}
 * @param dropout probability on embedding, attention weights and both residual branches
 * @param qkvBias whether the query/key/value projection has a bias
 * @param tieEmbeddings whether the output head is the token embedding
 */
public record GptConfig(
    int vocabularySize,
    int contextLength,
    int width,
    int layers,
    int heads,
    float dropout,
    boolean qkvBias,
    boolean tieEmbeddings) {

  /** ε of every layer normalisation. */
  public static final float LAYER_NORM_EPSILON = 1e-5f;

  /** Vocabulary storage is padded to a multiple of this. */
  public static final int VOCABULARY_MULTIPLE = 128;

  /** Validates; throws {@link GptException} with {@link Failure#USAGE}. */
  public GptConfig {
    positive("--vocab-size", vocabularySize);
    positive("--context-length", contextLength);
    positive("--width", width);
    positive("--layers", layers);
    positive("--heads", heads);
    if (width % heads != 0) {
      throw new GptException(
          Failure.USAGE,
          "--width %d is not divisible by --heads %d; choose a width that is a multiple of the heads"
              .formatted(width, heads));
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw new GptException(
          Failure.USAGE, "--dropout %s is not in [0, 1); use 0 for none".formatted(dropout));
    }
  }

  private static void positive(String flag, int value) {
    if (value < 1) {
      throw new GptException(Failure.USAGE, flag + " must be at least 1, got " + value);
    }
  }

  /** Size of one head, C / NH. */
  public int headSize() {
    return width / heads;
  }

  /** Rows of the token embedding and of the head in memory. */
  public int paddedVocabularySize() {
    return (vocabularySize + VOCABULARY_MULTIPLE - 1) / VOCABULARY_MULTIPLE * VOCABULARY_MULTIPLE;
  }

  /** Number of trainable parameters, vocabulary padding not counted. */
  public long parameterCount() {
    long c = width;
    long block = 12 * c * c + 10 * c + (qkvBias ? 3 * c : 0);
    long embeddings = (long) vocabularySize * c * (tieEmbeddings ? 1 : 2) + contextLength * c;
    return embeddings + layers * block + 2 * c;
  }
}
