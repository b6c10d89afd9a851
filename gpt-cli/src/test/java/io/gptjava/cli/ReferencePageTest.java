package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.cli.config.Presets;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/**
 * The reference page is what the commands say of themselves. With the system property {@code
 * gpt.renew} this writes it.
 */
final class ReferencePageTest {
  private static final Path PAGE = Path.of("../docs/reference.md");

  @Test
  void thePageIsUpToDate() throws IOException {
    String page = page();
    if (Boolean.getBoolean("gpt.renew")) {
      Files.writeString(PAGE, page);
    }
    assertEquals(
        page,
        Files.exists(PAGE) ? Files.readString(PAGE) : "",
        "run mvn -pl gpt-cli -am -Dtest=ReferencePageTest -Dsurefire.failIfNoSpecifiedTests=false"
            + " -Dtest.jvm.args=-Dgpt.renew=true package to renew docs/reference.md");
  }

  /** All commands with their flags, then the defaults and presets. */
  private static String page() {
    CommandLine line = commands();
    line.setUsageHelpAutoWidth(false);
    line.setUsageHelpWidth(100);
    StringBuilder page = new StringBuilder();
    page.append("# Reference\n\nGenerated from the commands' own help; do not edit.\n");
    append(line, page);
    page.append("\n## Defaults and presets\n\n```yaml\n")
        .append(Presets.list().strip())
        .append("\n```\n");
    return page.toString();
  }

  private static void append(CommandLine line, StringBuilder page) {
    page.append("\n## ").append(line.getCommandSpec().qualifiedName(" ")).append("\n\n```\n");
    line.getUsageMessage(CommandLine.Help.Ansi.OFF)
        .lines()
        .forEach(text -> page.append(text.stripTrailing()).append('\n'));
    page.append("```\n");
    new LinkedHashSet<>(line.getSubcommands().values()).forEach(command -> append(command, page));
  }

  /** All commands, without an environment. */
  static CommandLine commands() {
    PrintStream nowhere = new PrintStream(PrintStream.nullOutputStream());
    return GptCommandLine.commands(new CliContext(Map.of(), nowhere, nowhere, false, "./gpt"));
  }
}
