package io.gptjava.benchmarks.acceptance;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** Counts of a JUnit XML report, which tests failed, and why tests were skipped. */
final class JunitSummary {
  private static final int MOST_FAILURES = 50;

  private JunitSummary() {}

  /** Adds the figures of a report file to a node. */
  static void put(ObjectNode node, Path report) throws IOException {
    NodeList cases = parse(report).getElementsByTagName("testcase");
    int failed = 0;
    int skipped = 0;
    Map<String, Integer> reasons = new TreeMap<>();
    for (int i = 0; i < cases.getLength(); i++) {
      Element test = (Element) cases.item(i);
      Element problem = first(test, "failure");
      if (problem == null) {
        problem = first(test, "error");
      }
      Element skip = first(test, "skipped");
      if (problem != null) {
        failed++;
        if (failed <= MOST_FAILURES) {
          node.withArray("failures")
              .addObject()
              .put("test", test.getAttribute("classname") + " " + test.getAttribute("name"))
              .put("message", line(problem.getAttribute("message")));
        }
      } else if (skip != null) {
        skipped++;
        reasons.merge(line(skip.getTextContent()), 1, Integer::sum);
      }
    }
    node.put("tests", cases.getLength()).put("failed", failed).put("skipped", skipped);
    node.put("passed", cases.getLength() - failed - skipped);
    if (!reasons.isEmpty()) {
      reasons.forEach(node.putObject("skip_reasons")::put);
    }
  }

  private static Element first(Element parent, String tag) {
    return (Element) parent.getElementsByTagName(tag).item(0);
  }

  private static String line(String text) {
    return text.strip().lines().findFirst().orElse("");
  }

  private static Element parse(Path report) throws IOException {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      return factory.newDocumentBuilder().parse(report.toFile()).getDocumentElement();
    } catch (ParserConfigurationException | SAXException e) {
      throw new IOException(report + " is no JUnit report", e);
    }
  }
}
