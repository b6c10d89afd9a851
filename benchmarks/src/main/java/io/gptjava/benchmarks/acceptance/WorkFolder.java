package io.gptjava.benchmarks.acceptance;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * What {@code acceptance.sh} leaves behind: {@code run.tsv}, and for each step a folder {@code
 * steps/NUMBER-NAME} with {@code step.tsv} (status, exit code, seconds, limit, reason), {@code
 * commands}, {@code log}, and its figures: {@code *.tsv} holds names and values, {@code *.json} an
 * object, {@code *.jsonl} one a line, {@code TEST-*.xml} a JUnit report.
 */
final class WorkFolder {
  private static final ObjectMapper JSON = new ObjectMapper();

  private WorkFolder() {}

  /** Everything in one object. */
  static ObjectNode read(Path work) throws IOException {
    ObjectNode run = JSON.createObjectNode();
    Path general = work.resolve("run.tsv");
    if (Files.exists(general)) {
      tsv(run, general);
    }
    run.putArray("steps");
    Path steps = work.resolve("steps");
    if (Files.isDirectory(steps)) {
      for (Path step : files(steps)) {
        if (Files.exists(step.resolve("step.tsv"))) {
          run.withArray("steps").add(step(step));
        }
      }
    }
    return run;
  }

  private static ObjectNode step(Path folder) throws IOException {
    ObjectNode step = JSON.createObjectNode();
    tsv(step, folder.resolve("step.tsv"));
    Path commands = folder.resolve("commands");
    if (Files.exists(commands)) {
      Files.readAllLines(commands).forEach(step.putArray("commands")::add);
    }
    ObjectNode figures = step.putObject("figures");
    for (Path file : files(folder)) {
      String name = file.getFileName().toString();
      int dot = name.lastIndexOf('.');
      String stem = dot < 0 ? name : name.substring(0, dot);
      String ending = name.substring(dot + 1);
      if (ending.equals("tsv") && !name.equals("step.tsv")) {
        tsv(figures.putObject(stem), file);
      } else if (ending.equals("json")) {
        json(figures, stem, Files.readString(file));
      } else if (ending.equals("jsonl")) {
        figures.putArray(stem);
        for (String line : Files.readAllLines(file)) {
          jsonLine(figures, stem, line);
        }
      } else if (name.startsWith("TEST-") && ending.equals("xml")) {
        JunitSummary.put(figures.putObject("tests"), file);
      }
    }
    return step;
  }

  /** A step that was cut off may have left half a file: its text is kept as it is. */
  private static void json(ObjectNode figures, String name, String text) {
    try {
      figures.set(name, JSON.readTree(text));
    } catch (JsonProcessingException e) {
      figures.put(name, text);
    }
  }

  private static void jsonLine(ObjectNode figures, String name, String line) {
    try {
      if (!line.isBlank()) {
        figures.withArray(name).add(JSON.readTree(line));
      }
    } catch (JsonProcessingException e) {
      figures.withArray(name).addObject().put("error", "not JSON: " + line);
    }
  }

  /** A name, a tab and a value a line; values that are whole numbers become numbers. */
  private static void tsv(ObjectNode node, Path file) throws IOException {
    for (String line : Files.readAllLines(file)) {
      int tab = line.indexOf('\t');
      if (tab > 0) {
        String value = line.substring(tab + 1).strip();
        if (value.matches("-?\\d{1,15}")) {
          node.put(line.substring(0, tab), Long.parseLong(value));
        } else {
          node.put(line.substring(0, tab), value);
        }
      }
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }
}
