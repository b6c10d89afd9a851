package io.gptjava.cli.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher script in a distribution's layout, with shell scripts in place of Java. */
@DisabledOnOs(OS.WINDOWS)
final class LauncherTest {
  @TempDir private Path folder;
  private Path launcher;

  /** What a process did. */
  private record Result(int code, String out, String err) {}

  @BeforeEach
  void layOut() throws IOException {
    Path home = Files.createDirectories(folder.resolve("with space/gpt-java"));
    Files.createDirectories(home.resolve("bin"));
    Files.createDirectories(home.resolve("lib"));
    launcher = home.resolve("bin/gpt");
    Path source = Path.of("").toAbsolutePath().resolveSibling("gpt");
    Files.copy(source, launcher);
    executable(launcher);
  }

  private static void executable(Path file) throws IOException {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** A folder that looks like a Java of this version; its java prints what it is given. */
  private Path java(String name, String version, String script) throws IOException {
    Path home = folder.resolve(name);
    Files.createDirectories(home.resolve("bin"));
    Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    Path java = home.resolve("bin/java");
    Files.writeString(java, "#!/bin/sh\n" + script + "\n");
    executable(java);
    return home;
  }

  private Result run(Map<String, String> environment, Path program, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("/bin/sh", program.toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.environment().keySet().removeIf(key -> key.startsWith("GPT_") || key.contains("JAVA"));
    builder.environment().putAll(environment);
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the launcher hangs");
    return new Result(
        process.exitValue(),
        Files.readString(out, StandardCharsets.UTF_8),
        Files.readString(err, StandardCharsets.UTF_8));
  }

  @Test
  void passesArgumentsExactlyAndReturnsTheExitCode() throws Exception {
    Path java = java("jdk", "25.0.1", "for a; do echo \"<$a>\"; done; exit 7");
    Result result =
        run(
            Map.of("GPT_JAVA_HOME", java.toString()),
            launcher,
            "train",
            "two  words",
            "",
            "quo\"te'",
            "$HOME *",
            "萧炎");
    assertEquals(7, result.code());
    List<String> lines = result.out().lines().toList();
    int main = lines.indexOf("<io.gptjava.cli.Main>");
    assertTrue(main > 0, result.out());
    assertEquals(
        List.of("<train>", "<two  words>", "<>", "<quo\"te'>", "<$HOME *>", "<萧炎>"),
        lines.subList(main + 1, lines.size()));
    assertTrue(lines.contains("<--add-modules=jdk.incubator.vector>"), result.out());
    assertTrue(lines.contains("<-Dgpt.program=" + launcher + ">"), result.out());
  }

  @Test
  void worksThroughALinkAndSkipsOldJava() throws Exception {
    Path old = java("old", "17.0.2", "echo old");
    Path current = java("new", "26", "echo new");
    Path link = folder.resolve("link");
    Files.createSymbolicLink(link, folder.relativize(launcher));
    Result result =
        run(Map.of("JAVA_HOME", current.toString(), "PATH", old + "/bin:/usr/bin:/bin"), link);
    assertEquals("new\n", result.out());
    assertEquals(0, result.code());
  }

  @Test
  void bundledJavaGoesBeforeJavaHome() throws Exception {
    Path other = java("other", "25", "echo other");
    java("with space/gpt-java/runtime", "25", "echo bundled");
    assertEquals("bundled\n", run(Map.of("JAVA_HOME", other.toString()), launcher).out());
  }

  @Test
  void wrongJavaHomeIsExplained() throws Exception {
    Path old = java("old", "17.0.2", "echo old");
    Result result = run(Map.of("GPT_JAVA_HOME", old.toString()), launcher);
    assertEquals(4, result.code());
    assertTrue(result.err().contains("is not a JDK 25 or later"), result.err());
    assertEquals("", result.out());
  }

  @Test
  void showCommandPrintsWhatAShellCanRun() throws Exception {
    Path java = java("jdk", "25", "for a; do echo \"<$a>\"; done");
    Map<String, String> environment = Map.of("GPT_JAVA_HOME", java.toString());
    Result shown = run(environment, launcher, "--show-command", "generate", "it's two words");
    assertEquals(0, shown.code());
    Path script = folder.resolve("shown.sh");
    Files.writeString(script, shown.out());
    Result replayed = run(environment, script);
    assertTrue(replayed.out().endsWith("<generate>\n<it's two words>\n"), replayed.out());
  }

  @Test
  void standardErrorWaitsAtDescriptorThree() throws Exception {
    Path java = java("jdk", "25.0.3", "echo notice >&2; echo \"$@\" | grep -o gpt.stderr=3 >&3");
    Result result = run(Map.of("GPT_JAVA_HOME", java.toString()), launcher);
    assertEquals("gpt.stderr=3\n", result.err());
    Path newer = java("newer", "27", "echo notice >&2");
    assertEquals("notice\n", run(Map.of("GPT_JAVA_HOME", newer.toString()), launcher).err());
  }
}
