package io.gptjava.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportPageTest {
  private static final Pattern SCRIPT =
      Pattern.compile("<script( [^>]*)?>(.*?)</script>", Pattern.DOTALL);
  private static final Pattern STYLE = Pattern.compile("<style>(.*?)</style>", Pattern.DOTALL);

  @TempDir Path folder;

  private RunReport run(String name) throws IOException {
    return new RunReport(Files.createDirectories(folder.resolve(name)), new RunCurves());
  }

  private static List<Matcher> scripts(String page) {
    List<Matcher> scripts = new ArrayList<>();
    Matcher matcher = SCRIPT.matcher(page);
    for (int from = 0; matcher.find(from); from = matcher.end()) {
      Matcher one = SCRIPT.matcher(page);
      one.find(matcher.start());
      scripts.add(one);
    }
    return scripts;
  }

  private static JsonNode data(String page) throws IOException {
    return new ObjectMapper().readTree(scripts(page).getFirst().group(2));
  }

  @Test
  void noTextOfARunBecomesMarkup() throws IOException {
    String hostile =
        "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> {{script}} $1 \\u003c"
            + " & \u2028 萧炎 \0";
    RunReport run = run("a&b {{data}}");
    run.curves().on(new TrainingEvent.Sampled(3, 1, hostile));
    run.curves().on(new TrainingEvent.Warning(3, hostile));
    Files.writeString(
        run.run().resolve("config.json"),
        new ObjectMapper()
            .createObjectNode()
            .set("sample-prompt", new ObjectMapper().createObjectNode().put("value", hostile))
            .toString());
    String page = ReportPage.of(List.of(run)).html();
    assertEquals(3, scripts(page).size());
    assertFalse(page.contains("alert(1)</script>"));
    assertFalse(page.contains("<img"));
    assertTrue(page.contains("<title>a&amp;b {{data}}</title>"));
    JsonNode shown = data(page).path("runs").path(0);
    assertEquals(hostile, shown.path("samples").path(0).path("text").asText());
    assertEquals(hostile, shown.path("warnings").path(0).path("message").asText());
    assertEquals("a&b {{data}}", shown.path("name").asText());
  }

  @Test
  void onlyItsOwnScriptsMayRunAndNothingIsLoaded() throws Exception {
    String page = ReportPage.of(List.of(run("run"))).html();
    Matcher policy =
        Pattern.compile("Content-Security-Policy\" content=\"([^\"]*)\"").matcher(page);
    assertTrue(policy.find());
    assertTrue(policy.group(1).startsWith("default-src 'none'; "), policy.group(1));
    assertTrue(policy.group(1).contains("connect-src 'none'"), policy.group(1));
    List<Matcher> scripts = scripts(page);
    assertEquals(" type=\"application/json\" id=\"data\"", scripts.getFirst().group(1));
    for (Matcher script : scripts.subList(1, 3)) {
      assertTrue(policy.group(1).contains(hash(script.group(2))), "a script that may not run");
    }
    Matcher style = STYLE.matcher(page);
    assertTrue(style.find());
    assertTrue(policy.group(1).contains("style-src " + hash(style.group(1))), policy.group(1));
    assertFalse(Pattern.compile("(?:src|href)=\"(?!data:)").matcher(page).find());
    assertTrue(page.contains("uPlot=function"), "the chart library");
    assertTrue(page.contains("The MIT License"), "and its licence");
    assertTrue(ReportPage.live(run("run")).html().contains("connect-src 'self'"));
  }

  private static String hash(String text) throws Exception {
    byte[] digest =
        MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
  }

  @Test
  void tellsAllThatTheFolderTells() throws IOException {
    RunReport run = run("run");
    Files.writeString(
        run.run().resolve("config.json"),
        "{\"lr\":{\"value\":3.0E-4,\"origin\":\"flag\"},\"data\":{\"value\":[\"a\",\"b\"]}}");
    Files.writeString(run.run().resolve("environment.json"), "{\"jdk\":\"25\",\"commit\":null}");
    Files.writeString(
        run.run().resolve("memory.json"),
        "{\"total_bytes\":8,\"entries\":[{\"role\":\"gradients\",\"bytes\":8,\"detail\":\"\"}]}");
    Files.writeString(
        run.run().resolve("metrics.jsonl"),
        """
        {"event":"run","resumed_from":null,"total_steps":3,"steps_per_epoch":3,"parameters":7,"device":"d"}
        {"event":"step","step":0,"epoch":1,"loss":4.0,"lr":0.1,"grad_norm":1.0,"tokens":8,"ms":10.0,"tokens_per_second":800.0}
        {"event":"eval","step":0,"epoch":1,"train_loss":3.5,"val_loss":3.75,"tokens":8}
        {"event":"step","step":1,"epoch":1,"loss":null,"lr":0.1,"grad_norm":null,"tokens":16,"ms":30.0,"tokens_per_second":800.0}
        {"event":"eval","step":1,"epoch":1,"train_loss":3.25,"val_loss":4.5,"tokens":16}
        {"event":"end","step":1,"reason":"stopped","tokens":16,"seconds":1.0}
        """);
    Path file = folder.resolve("page.html");
    ReportPage.of(List.of(RunReport.read(run.run()), run)).write(file);
    JsonNode shown = data(Files.readString(file)).path("runs").path(0);
    assertEquals("stopped", shown.path("status").asText());
    assertEquals(2, shown.path("steps").asInt());
    assertEquals(20, shown.path("ms_per_step").asDouble());
    assertEquals(3.75, shown.path("best_val_loss").asDouble());
    assertEquals(0, shown.path("best_step").asInt());
    assertEquals("[4.0,null]", shown.at("/curves/loss/mean").toString());
    assertEquals("[3.75,4.5]", shown.at("/curves/val_loss/mean").toString());
    assertEquals(
        "[{\"key\":\"lr\",\"value\":\"3.0E-4\",\"origin\":\"flag\"},{\"key\":\"data\",\"value\":\"a b\"}]",
        shown.path("config").toString());
    assertEquals("25", shown.at("/environment/0/value").asText());
    assertEquals(8, shown.at("/memory/total_bytes").asInt());

    Files.writeString(run.run().resolve("config.json"), "{");
    GptException e = assertThrows(GptException.class, () -> RunReport.read(run.run()).toJson());
    assertEquals(Failure.CHECKPOINT, e.failure());
    e =
        assertThrows(
            GptException.class,
            () -> ReportPage.of(List.of()).write(folder.resolve("none/page.html")));
    assertEquals(Failure.USAGE, e.failure());
  }

  @Test
  void samplesMakeRoomAndTheNewestStays() {
    RunCurves curves = new RunCurves();
    for (int i = 0; i < 1000; i++) {
      curves.on(new TrainingEvent.Sampled(i, 1, "s" + i));
    }
    JsonNode samples = curves.toJson().path("samples");
    assertTrue(samples.size() <= 200 && samples.size() >= 100, "" + samples.size());
    assertEquals("s0", samples.path(0).path("text").asText());
    assertEquals("s999", samples.path(samples.size() - 1).path("text").asText());
  }

  @Test
  void theReportOfARunIsWrittenNowAndThen() throws IOException {
    RunReport run = run("run");
    AtomicLong clock = new AtomicLong();
    ReportWriter writer = new ReportWriter(run, clock::get);
    Path file = run.run().resolve("report.html");
    TrainingEvent evaluated = new TrainingEvent.Evaluated(0, 1, 1, 1, 1, 1);
    writer.on(new TrainingEvent.EpochEnded(0, 1));
    assertFalse(Files.exists(file));
    writer.on(evaluated);
    Files.delete(file);
    clock.addAndGet(4_999_999_999L);
    writer.on(evaluated);
    assertFalse(Files.exists(file), "too soon");
    clock.addAndGet(1);
    writer.on(evaluated);
    Files.delete(file);
    Files.createDirectories(file.resolve("in-the-way"));
    assertTrue(writer.write().orElseThrow().startsWith("No report: Cannot write"));
  }
}
