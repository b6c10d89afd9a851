package io.gptjava.cli.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.GptException;
import io.gptjava.train.config.Cadence;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SettingTypeTest {
  private static String normalize(String key, String text) {
    Setting setting = Settings.ALL.get(key);
    return setting.type().normalize(setting, setting.flag(), text);
  }

  @ParameterizedTest
  @CsvSource({
    "layers, 0, must be at least 1",
    "layers, 2.5, is not a whole number",
    "layers, 3000000000, is too large",
    "threads, -1, must be at least 0",
    "lr, NaN, must be 0 or more",
    "lr, Infinity, must be 0 or more",
    "train-ratio, 1.5, must lie between 0 and 1",
    "shuffle, maybe, is neither true nor false",
    "schedule, cosin, did you mean cosine?",
    "log, 'jsonl,cvs', did you mean csv?",
    "eval-every, often, is not N",
    "eval-every, -3, must be at least 0",
    "eval-every, '5,5', is not N",
    "eval-every, 'epoch,epoch', is not N",
    "eval-every, '5,epoch,', is not N",
    "save-every, ',', is not N",
    "out, '', is empty",
  })
  void refusesWhatDoesNotFit(String key, String text, String reason) {
    GptException e = assertThrows(GptException.class, () -> normalize(key, text));
    assertTrue(e.getMessage().startsWith("--" + key + " "), e.getMessage());
    assertTrue(e.getMessage().contains(reason), e.getMessage());
  }

  @Test
  void acceptsWhatFits() {
    assertEquals("10000000000", normalize("tokens", "10000000000"));
    assertEquals("-7", normalize("seed", "-7"));
    assertEquals("true", normalize("shuffle", "Yes"));
    assertEquals("cosine", normalize("schedule", "COSINE"));
    assertEquals("", normalize("sample-prompt", ""));
  }

  @Test
  void readsCadences() {
    assertEquals(new Cadence(5, false), SettingType.parseCadence("x", "5"));
    assertEquals(new Cadence(0, true), SettingType.parseCadence("x", "epoch"));
    assertEquals(new Cadence(7, true), SettingType.parseCadence("x", "7,epoch"));
    assertEquals(new Cadence(7, true), SettingType.parseCadence("x", "epoch, 7"));
    assertEquals(Cadence.NEVER, SettingType.parseCadence("x", "0"));
  }

  @Test
  void suggestsOnlyWhatIsNear() {
    Set<String> known = Set.of("--lr", "--layers", "--batch-size");
    assertEquals(Optional.of("--batch-size"), Suggestions.nearest("--bacth-size", known));
    assertEquals(Optional.of("--layers"), Suggestions.nearest("--layer", known));
    assertEquals(Optional.empty(), Suggestions.nearest("--completely-different", known));
    assertEquals(Optional.empty(), Suggestions.nearest("--foo", Set.of("--log")));
    assertEquals(Optional.of("--lr"), Suggestions.nearest("--l", known));
    assertEquals(1, Suggestions.distance("ab", "ba"));
    assertEquals(3, Suggestions.distance("kitten", "sitting"));
  }
}
