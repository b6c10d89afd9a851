package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.tokenizer.StreamingDecoder;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.generate.Generator;
import io.gptjava.train.generate.Sampling;
import io.gptjava.train.generate.StopStrings;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A prompt and what a model made of it.
 *
 * @param text of both, without what ended it
 * @param tokens of both, the one that ended it included
 * @param added number of new tokens
 * @param logProbabilities of those, if they were asked for; natural logarithms
 * @param ended whether {@code <|endoftext|>} ended it
 * @param stop string that ended it, if one did
 */
record Continuation(
    String prompt,
    String text,
    int[] tokens,
    int added,
    Optional<List<Double>> logProbabilities,
    boolean ended,
    Optional<String> stop,
    double seconds) {

  /** How prompts are continued. */
  record Settings(
      int maxNewTokens, Sampling sampling, List<String> stops, boolean logProbabilities) {}

  /**
   * Continues a prompt. The result depends on nothing that was continued before it.
   *
   * @param out hears the new text piece by piece
   */
  static Continuation of(
      Generator generator,
      TextEncoder encoder,
      Settings settings,
      String prompt,
      Consumer<String> out) {
    int[] tokens = encoder.encode(prompt);
    StreamingDecoder decoder = new StreamingDecoder(encoder);
    StopStrings stops = new StopStrings(settings.stops);
    StringBuilder text = new StringBuilder(prompt);
    Consumer<String> hear = text::append;
    Consumer<String> emit = hear.andThen(out);
    List<Double> logProbabilities = new ArrayList<>();
    boolean[] ended = {false};
    long begin = System.nanoTime();
    int[] all =
        generator.generate(
            tokens,
            settings.maxNewTokens,
            settings.sampling,
            token -> {
              if (settings.logProbabilities) {
                logProbabilities.add(generator.logProbability(token));
              }
              ended[0] = token == encoder.endOfText();
              if (ended[0]) {
                return false;
              }
              emit.accept(stops.accept(decoder.accept(token)));
              return stops.found().isEmpty();
            });
    emit.accept(stops.accept(decoder.finish()));
    emit.accept(stops.finish());
    return new Continuation(
        prompt,
        text.toString(),
        all,
        all.length - tokens.length,
        settings.logProbabilities ? Optional.of(logProbabilities) : Optional.empty(),
        ended[0],
        stops.found(),
        (System.nanoTime() - begin) * 1e-9);
  }

  double tokensPerSecond() {
    return added / Math.max(seconds, 1e-9);
  }

  ObjectNode json() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("prompt", prompt);
    node.put("text", text);
    Arrays.stream(tokens).forEach(node.putArray("tokens")::add);
    node.put("new_tokens", added);
    node.put("ended", ended);
    node.put("finish_reason", ended || stop.isPresent() ? "stop" : "length");
    stop.ifPresent(s -> node.put("stop", s));
    logProbabilities.ifPresent(
        values -> {
          ArrayNode array = node.putArray("logprobs");
          values.forEach(array::add);
        });
    return node.put("tokens_per_second", tokensPerSecond());
  }

  /** A line for each new token with its logarithm of probability. */
  List<String> logProbabilityLines(TextEncoder encoder) {
    List<String> lines = new ArrayList<>();
    List<Double> values = logProbabilities.orElse(List.of());
    for (int i = 0; i < values.size(); i++) {
      int token = tokens[tokens.length - added + i];
      String shown = encoder.decode(token).replace("\n", "\\n");
      lines.add(String.format(Locale.ROOT, "%8.4f  %5d  '%s'", values.get(i), token, shown));
    }
    return lines;
  }
}
