package io.gptjava.train.formats;

import io.gptjava.core.GptConfig;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * The weights of a GPT-2 in a file of some format, opened and checked: whatever the format, they
 * are read as fp32 with the names and orientations of {@link
 * io.gptjava.train.model.ParameterLayout}, tensor by tensor, so that a model need not fit in memory
 * to be converted. Not thread-safe.
 */
public interface ModelWeights extends AutoCloseable {
  /** Where they are, for messages. */
  Path path();

  /** Shape of the model. */
  GptConfig config();

  /** What a person who reads them should know, each without a full stop. */
  List<String> notes();

  /**
   * Copies one parameter.
   *
   * @param parameter of this {@link #config}'s layout
   * @param target its logical elements, fp32
   * @throws io.gptjava.core.GptException with {@link io.gptjava.core.Failure#CHECKPOINT} if a
   *     checksum of the format is wrong
   */
  void copy(Parameter parameter, MemorySegment target);

  @Override
  void close();
}
