package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.core.tokenizer.Utf8Reader;
import io.gptjava.train.corpus.DocumentReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One or more UTF-8 texts, joined by {@code <|endoftext|>}. Texts of any size: they are read in
 * blocks, each time they are needed.
 *
 * <p>Characters are Unicode code points, as Python counts them, and include the 13 of each marker
 * between documents; line ends are read as {@link Utf8Reader} says.
 */
public final class TextCorpus {
  private static final int BLOCK = 1 << 22;
  private static final int SMALL_BLOCK = 1 << 16;

  /** A text and where to read it. */
  private record Document(String name, long characters, Opener opener) {}

  /** Opens a text from its beginning. */
  private interface Opener {
    Reader open() throws IOException;
  }

  private final List<Document> documents;
  private final long characters;

  private TextCorpus(List<Document> documents) {
    this.documents = documents;
    this.characters =
        documents.stream().mapToLong(Document::characters).sum()
            + (documents.size() - 1L) * Gpt2Tokenizer.END_OF_TEXT.length();
  }

  /**
   * Reads the files once, to check and count them; JSON lines and compressed ones as {@link
   * DocumentReader} says.
   *
   * @throws GptException with {@link Failure#DATA} if one cannot be read or is not UTF-8
   */
  public static TextCorpus open(List<Path> files) {
    List<Document> documents = new ArrayList<>();
    for (Path file : files) {
      documents.add(document(file.toString(), () -> DocumentReader.open(file)));
    }
    return new TextCorpus(documents);
  }

  /** A text in memory. */
  public static TextCorpus ofText(String text) {
    return new TextCorpus(List.of(document("text", () -> new StringReader(text))));
  }

  /**
   * A text on the class path.
   *
   * @param resource absolute name, such as {@code /io/gptjava/train/story.txt}
   */
  public static TextCorpus ofResource(String resource) {
    return new TextCorpus(List.of(document(resource, () -> openResource(resource))));
  }

  private static Reader openResource(String resource) throws IOException {
    InputStream in = TextCorpus.class.getResourceAsStream(resource);
    if (in == null) {
      throw new IOException("it is not part of this program");
    }
    return new Utf8Reader(resource, in);
  }

  private static Document document(String name, Opener opener) {
    char[] buffer = new char[SMALL_BLOCK];
    long count = 0;
    try (Reader reader = opener.open()) {
      for (int read; (read = reader.read(buffer)) >= 0; ) {
        for (int i = 0; i < read; i++) {
          count += Character.isLowSurrogate(buffer[i]) ? 0 : 1;
        }
      }
    } catch (IOException e) {
      throw unreadable(name, e);
    }
    return new Document(name, count, opener);
  }

  private static GptException unreadable(String name, IOException e) {
    return new GptException(Failure.DATA, "cannot read %s: %s".formatted(name, e.getMessage()), e);
  }

  /** Number of characters, markers between documents included. */
  public long characters() {
    return characters;
  }

  /** Number of texts. */
  public int documents() {
    return documents.size();
  }

  /**
   * Where to split: at {@code int(ratio · characters)}, or after a marker between documents that
   * this would cut in two.
   */
  public long splitAt(double ratio) {
    long split = (long) (ratio * characters);
    long end = 0;
    for (Document document : documents.subList(0, documents.size() - 1)) {
      end += document.characters();
      long next = end + Gpt2Tokenizer.END_OF_TEXT.length();
      if (split > end && split < next) {
        return next;
      }
      end = next;
    }
    return afterMarker(split);
  }

  /** Past a marker inside a file that the split would cut in two. */
  private long afterMarker(long split) {
    int reach = Gpt2Tokenizer.END_OF_TEXT.length() - 1;
    long from = Math.max(0, split - reach);
    String around = text(from, Math.min(characters, split + reach));
    int marker = around.indexOf(Gpt2Tokenizer.END_OF_TEXT);
    if (marker < 0) {
      return split;
    }
    long begin = from + around.codePointCount(0, marker);
    return begin < split ? begin + Gpt2Tokenizer.END_OF_TEXT.length() : split;
  }

  /** The characters in [from, to) as one string. */
  public String text(long from, long to) {
    StringBuilder text = new StringBuilder();
    read(from, to, (buffer, length) -> text.append(buffer, 0, length));
    return text.toString();
  }

  /**
   * Tokens of the characters in [from, to), equal to those of that text encoded at once.
   *
   * @param workers threads, at least 1
   */
  public TokenBuffer tokens(TextEncoder encoder, long from, long to, int workers) {
    if (encoder.vocabularySize() > TokenBuffer.ID_LIMIT) {
      throw new IllegalArgumentException("ids of " + encoder + " need more than 16 bits");
    }
    BlockEncoder blocks = new BlockEncoder(encoder, workers);
    read(from, to, blocks);
    return blocks.finish();
  }

  /** All tokens. */
  public TokenBuffer tokens(TextEncoder encoder, int workers) {
    return tokens(encoder, 0, characters, workers);
  }

  /** Takes characters; the array is reused. */
  private interface Sink {
    void accept(char[] buffer, int length);
  }

  private void read(long from, long to, Sink sink) {
    Cursor cursor = new Cursor(from, to, sink);
    char[] marker = Gpt2Tokenizer.END_OF_TEXT.toCharArray();
    char[] buffer = new char[SMALL_BLOCK];
    for (int i = 0; i < documents.size() && cursor.position < to; i++) {
      Document document = documents.get(i);
      if (i > 0) {
        cursor.pass(marker.clone(), marker.length);
      }
      if (cursor.position + document.characters() <= from) {
        cursor.position += document.characters();
        continue;
      }
      try (Reader reader = document.opener().open()) {
        for (int read; cursor.position < to && (read = reader.read(buffer)) >= 0; ) {
          cursor.pass(buffer, read);
        }
      } catch (IOException e) {
        throw unreadable(document.name(), e);
      }
    }
  }

  /** Passes on the characters of a range. */
  private static final class Cursor {
    private final long from;
    private final long to;
    private final Sink sink;
    private long position;

    Cursor(long from, long to, Sink sink) {
      this.from = from;
      this.to = to;
      this.sink = sink;
    }

    void pass(char[] buffer, int length) {
      int kept = 0;
      for (int i = 0; i < length; i++) {
        position += Character.isLowSurrogate(buffer[i]) ? 0 : 1;
        if (position > from && position <= to) {
          buffer[kept++] = buffer[i];
        }
      }
      sink.accept(buffer, kept);
    }
  }

  /** Collects characters and encodes them up to the last possible cut whenever a block is full. */
  private static final class BlockEncoder implements Sink {
    private final TextEncoder encoder;
    private final int workers;
    private final TokenBuffer tokens = new TokenBuffer();
    private char[] block = new char[SMALL_BLOCK];
    private int limit = BLOCK;
    private int length;

    BlockEncoder(TextEncoder encoder, int workers) {
      this.encoder = encoder;
      this.workers = workers;
    }

    @Override
    public void accept(char[] buffer, int count) {
      if (length + count > block.length) {
        block = Arrays.copyOf(block, Math.max(Math.multiplyExact(length, 2), length + count));
      }
      System.arraycopy(buffer, 0, block, length, count);
      length += count;
      if (length >= limit) {
        encodeToLastCut();
      }
    }

    private void encodeToLastCut() {
      String text = new String(block, 0, length);
      int cut = encoder.lastCut(text);
      if (cut > 0) {
        tokens.add(encoder.encode(text.substring(0, cut), workers));
        System.arraycopy(block, cut, block, 0, length - cut);
        length -= cut;
      }
      // A text without cuts is searched again only when it has doubled.
      limit = Math.max(BLOCK, Math.multiplyExact(length, 2));
    }

    TokenBuffer finish() {
      tokens.add(encoder.encode(new String(block, 0, length), workers));
      return tokens;
    }
  }
}
