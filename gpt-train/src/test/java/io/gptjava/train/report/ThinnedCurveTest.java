package io.gptjava.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ThinnedCurveTest {
  @Test
  void fewPointsStayAsTheyAre() {
    ThinnedCurve curve = new ThinnedCurve();
    assertTrue(curve.isEmpty());
    curve.add(0, 512, 10.5);
    curve.add(1, 1024, Double.NaN);
    curve.add(2, 1536, 1e300);
    curve.add(3, 2048, 9.25);
    assertFalse(curve.isEmpty());
    assertEquals(
        "{\"step\":[0,1,2,3],\"tokens\":[512,1024,1536,2048],\"mean\":[10.5,null,null,9.25]}",
        curve.toJson().toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {2000, 2001, 3999, 4000, 4001, 100_000})
  void manyPointsKeepTheirExtremesAndTheirMean(int points) {
    ThinnedCurve curve = new ThinnedCurve();
    double sum = 0;
    for (int i = 0; i < points; i++) {
      double value = i == 777 ? 50 : i == 1333 ? -50 : Math.sin(i);
      sum += value;
      curve.add(i, 2L * i, value);
    }
    assertTrue(curve.groups() <= ThinnedCurve.MOST_GROUPS);
    assertTrue(curve.groups() >= ThinnedCurve.MOST_GROUPS / 2);
    JsonNode json = curve.toJson();
    assertEquals(points > ThinnedCurve.MOST_GROUPS, json.has("low"));
    double high = Double.NEGATIVE_INFINITY;
    double low = Double.POSITIVE_INFINITY;
    double total = 0;
    long before = -1;
    int width = Integer.highestOneBit(Math.max(1, Math.ceilDiv(points, 2000) * 2 - 1));
    for (int i = 0; i < curve.groups(); i++) {
      high = Math.max(high, json.path(points > 2000 ? "high" : "mean").get(i).asDouble());
      low = Math.min(low, json.path(points > 2000 ? "low" : "mean").get(i).asDouble());
      int members = Math.min(width, points - i * width);
      total += json.path("mean").get(i).asDouble() * members;
      long step = json.path("step").get(i).asLong();
      assertTrue(step > before);
      assertEquals(2L * (i * width + members - 1), json.path("tokens").get(i).asLong());
      before = step;
    }
    assertEquals(50, high);
    assertEquals(-50, low);
    assertEquals(sum, total, 1e-6 * points); // means are rounded to seven digits
    assertTrue(before > points - 1 - width);
  }
}
