package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuildCommitTest {
  private static final Path SCRIPT = Path.of("src/main/build/commit.sh").toAbsolutePath();

  @TempDir private Path folder;

  @Test
  void theBuildHasWrittenOne() {
    assertNotNull(BuildCommit.class.getResource("commit.txt"));
    Optional<String> commit = BuildCommit.read();
    assertTrue(
        commit.isEmpty() || commit.get().matches("[0-9a-f]{40}(-dirty)?"), commit.toString());
  }

  @Test
  void namesTheCommitAndMarksChanges() throws Exception {
    assumeTrue(hasGit(), "git is not on the path");
    Path sources = Files.createDirectory(folder.resolve("sources"));
    Files.writeString(sources.resolve("pom.xml"), "one");
    assertEquals("", written(sources));

    git("init", "-q");
    assertEquals("", written(sources), "a repository around the sources is not theirs");
    git("add", "sources/pom.xml");
    git("commit", "-q", "-m", "one");
    git("tag", "v1");
    String commit = git("rev-parse", "HEAD");
    assertEquals(commit, written(sources));
    Files.writeString(sources.resolve("notes.txt"), "not tracked");
    assertEquals(commit, written(sources));
    Files.writeString(sources.resolve("pom.xml"), "two");
    assertEquals(commit + "-dirty", written(sources));
  }

  private String written(Path sources) throws Exception {
    Path file = folder.resolve("out/deep/commit.txt");
    run(List.of("sh", SCRIPT.toString(), sources.toString(), file.toString()));
    return Files.readString(file).strip();
  }

  private static boolean hasGit() throws InterruptedException {
    try {
      return new ProcessBuilder("git", "--version").start().waitFor() == 0;
    } catch (IOException _) {
      return false;
    }
  }

  private String git(String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of("git", "-c", "user.name=Test"));
    command.addAll(List.of("-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"));
    command.addAll(List.of("-C", folder.toString()));
    command.addAll(List.of(words));
    return run(command);
  }

  private static String run(List<String> command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), command + ": " + out);
    return out.strip();
  }
}
