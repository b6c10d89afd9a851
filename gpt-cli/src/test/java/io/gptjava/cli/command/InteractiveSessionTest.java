package io.gptjava.cli.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class InteractiveSessionTest {
  private final List<String> prompts = new ArrayList<>();

  private String run(String input) throws IOException {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    new InteractiveSession(
            new BufferedReader(new StringReader(input)),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            prompt -> {
              prompts.add(prompt);
              return prompt + "+";
            })
        .run();
    return err.toString(StandardCharsets.UTF_8);
  }

  @Test
  void linesAreContinuedAndRecalled() throws IOException {
    String err = run("One\n Two\n\n\n!1\n!!\n!9\n!x\n:history\n:quit\nnever\n");
    assertEquals(List.of("One", " Two", " Two+", " Two++", "One", "One"), prompts);
    assertTrue(err.contains("   2   Two\n"), err);
    assertTrue(err.contains("!9: there are prompts 1 to 4"), err);
    assertTrue(err.contains("!x: there are prompts 1 to 4"), err);
  }

  @Test
  void theEndOfTheInputEndsIt() throws IOException {
    run("\n:help\nOnly");
    assertEquals(List.of("Only"), prompts);
  }
}
