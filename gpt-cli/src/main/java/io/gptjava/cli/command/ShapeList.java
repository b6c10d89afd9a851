package io.gptjava.cli.command;

import io.gptjava.cli.config.Presets;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The shapes that {@code --shapes} names, such as {@code B=4,T=1024,C=768,H=12;gpt2-355m,B=2}:
 * shapes apart by semicolons, in each a preset's name, if any, and values by letter. What a shape
 * leaves open it takes from its preset or, without one, from the other flags.
 */
final class ShapeList {
  private static final Map<Character, String> LETTERS = letters();

  private ShapeList() {}

  /**
   * A shape.
   *
   * @param batch B
   * @param sequence T, at most the model's context
   */
  record Shape(GptConfig model, int batch, int sequence) {}

  private static Map<Character, String> letters() {
    Map<Character, String> letters = new LinkedHashMap<>();
    letters.put('B', "sequences");
    letters.put('T', "their length");
    letters.put('C', "width");
    letters.put('H', "heads");
    letters.put('L', "layers");
    letters.put('V', "vocabulary");
    return letters;
  }

  /**
   * Reads shapes.
   *
   * @param texts as often as the flag was given
   * @param usual what holds where a shape says nothing
   * @throws GptException with {@link io.gptjava.core.Failure#USAGE}, naming the part that is wrong
   */
  static List<Shape> parse(List<String> texts, Shape usual) {
    List<Shape> shapes = new ArrayList<>();
    for (String text : texts) {
      for (String shape : text.split(";", -1)) {
        shapes.add(shape(shape, usual));
      }
    }
    return shapes;
  }

  private static Shape shape(String text, Shape usual) {
    Shape from = usual;
    Map<Character, Integer> values = new LinkedHashMap<>();
    String[] parts = text.split(",", -1);
    for (int i = 0; i < parts.length; i++) {
      String part = parts[i].strip();
      if (i == 0 && Presets.NAMES.contains(part)) {
        GptConfig model = Presets.model(part);
        from = new Shape(model, usual.batch, model.contextLength());
      } else if (part.matches("[A-Za-z]=.*")) {
        char letter = part.toUpperCase(Locale.ROOT).charAt(0);
        if (!LETTERS.containsKey(letter)) {
          throw wrong(text, part, "has none of the letters " + explained());
        }
        if (values.put(letter, value(text, part)) != null) {
          throw wrong(text, part, "gives %s a second time".formatted(letter));
        }
      } else {
        throw wrong(
            text,
            part,
            "is no LETTER=NUMBER%s; letters: %s"
                .formatted(
                    i == 0 ? " and no preset (" + String.join(", ", Presets.NAMES) + ")" : "",
                    explained()));
      }
    }
    return shape(text, from, values);
  }

  private static Shape shape(String text, Shape from, Map<Character, Integer> values) {
    GptConfig model = from.model;
    int sequence = values.getOrDefault('T', from.sequence);
    int width = values.getOrDefault('C', model.width());
    int heads = values.getOrDefault('H', model.heads());
    if (width % heads != 0) {
      throw wrong(text, "C=" + width, "is not a multiple of the heads, H=" + heads);
    }
    return new Shape(
        new GptConfig(
            values.getOrDefault('V', model.vocabularySize()),
            Math.max(sequence, model.contextLength()),
            width,
            values.getOrDefault('L', model.layers()),
            heads,
            model.dropout(),
            model.qkvBias(),
            model.tieEmbeddings()),
        values.getOrDefault('B', from.batch),
        sequence);
  }

  private static int value(String text, String part) {
    try {
      int value = Integer.parseInt(part.substring(2).strip());
      if (value >= 1) {
        return value;
      }
    } catch (NumberFormatException e) {
      // The message is the same.
    }
    throw wrong(text, part, "is not a whole number from 1 to " + Integer.MAX_VALUE);
  }

  private static String explained() {
    return String.join(
        ", ", LETTERS.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).toList());
  }

  private static GptException wrong(String text, String part, String reason) {
    return Usage.error("--shapes %s: '%s' %s", text, part, reason);
  }
}
