package io.gptjava.cli.command;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Prompts typed line by line, with a history: {@code !!} and {@code !N} bring back earlier ones, an
 * empty line goes on with the last text.
 */
final class InteractiveSession {
  private static final String HELP =
      "A line is a prompt; an empty line goes on with the last text. :history lists prompts, !! and"
          + " !N repeat one, :quit (or end of input) ends.";

  private final BufferedReader in;
  private final PrintStream err;
  private final UnaryOperator<String> continuation;
  private final List<String> history = new ArrayList<>();
  private String last = "";

  /**
   * A session.
   *
   * @param err for what is not text: the input mark, help
   * @param continuation continues a prompt, prints it, and returns the whole text
   */
  InteractiveSession(BufferedReader in, PrintStream err, UnaryOperator<String> continuation) {
    this.in = in;
    this.err = err;
    this.continuation = continuation;
  }

  /** Runs to the end of the input. */
  void run() throws IOException {
    err.println(HELP);
    while (true) {
      err.print("> ");
      err.flush();
      String line = in.readLine();
      if (line == null || line.strip().equals(":quit")) {
        return;
      }
      answer(line);
    }
  }

  private void answer(String line) {
    switch (line.strip()) {
      case ":help" -> err.println(HELP);
      case ":history" -> {
        for (int i = 0; i < history.size(); i++) {
          err.println("%4d  %s".formatted(i + 1, history.get(i)));
        }
      }
      case "" -> {
        if (last.isEmpty()) {
          err.println(HELP);
        } else {
          last = continuation.apply(last);
        }
      }
      default -> {
        String prompt = line.startsWith("!") ? recall(line.strip().substring(1)) : line;
        if (prompt != null) {
          history.add(prompt);
          last = continuation.apply(prompt);
        }
      }
    }
  }

  /** An earlier prompt, or null after saying that there is none. */
  private String recall(String which) {
    int number = history.size();
    if (!which.equals("!")) {
      try {
        number = Integer.parseInt(which);
      } catch (NumberFormatException e) {
        number = 0;
      }
    }
    if (number < 1 || number > history.size()) {
      err.println("!%s: there are prompts 1 to %d; see :history".formatted(which, history.size()));
      return null;
    }
    return history.get(number - 1);
  }
}
