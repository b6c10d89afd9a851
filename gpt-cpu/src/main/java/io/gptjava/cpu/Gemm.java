package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;

/**
 * Single-precision matrix product {@code C = A · B} on native memory, after Goto and van de Geijn
 * (2008): blocks of both operands are packed into panels that all threads share, then the threads
 * compute tiles of C from them, each into a tile of its own that is copied out at the end.
 *
 * <p>Each element sums its terms in one fixed order, whatever the number of threads and the block's
 * place, so results are the same bits for any number of threads. Scratch is one array, allocated at
 * first use and kept: so large that the collector starts it on a boundary of its own, which aligns
 * the panels to cache lines.
 */
final class Gemm {
  /** Most terms in a packed block. */
  private static final int BLOCK_TERMS = 1536;

  /** Most floats of a packed block of A, and of B: a few megabytes, for the third-level cache. */
  private static final int BLOCK_A_FLOATS = 1 << 20;

  private static final int BLOCK_B_FLOATS = 3 << 19;

  /** Terms in one packing task. */
  private static final int PACK_TERMS = GemmKernel.DEPTH / 2;

  /** Lines in one packing task, about. */
  private static final int PACK_LINES = 512;

  /** Largest tile, in panels of A and of B: with its panels it fills half a second-level cache. */
  private static final int TILE_ROW_PANELS = Math.max(1, 192 / GemmKernel.ROWS);

  private static final int TILE_COLUMN_PANELS = Math.max(1, 256 / GemmKernel.COLUMNS);
  private static final int TILE_STRIDE = TILE_COLUMN_PANELS * GemmKernel.COLUMNS;

  /** Scratch of one worker: its tile, or what it packs with. */
  private static final int TILE_FLOATS =
      Math.max(TILE_ROW_PANELS * GemmKernel.ROWS * TILE_STRIDE, GemmPacker.STAGING_FLOATS);

  /** Floats from a large array's first element to the next cache line boundary. */
  private static final int ALIGN = 12;

  private final WorkerPool pool;
  private final GemmPacker packerA = new GemmPacker(true, GemmKernel.ROWS, GemmKernel.ROW_STRIDE);
  private final GemmPacker packerB = new GemmPacker(false, GemmKernel.COLUMNS, GemmKernel.COLUMNS);
  private final WorkerPool.Task packing = this::pack;
  private final WorkerPool.Task computing = this::compute;

  private float[] scratch = new float[0];
  private int baseB;
  private int baseTiles;

  // The product being computed.
  private GemmOperand a;
  private GemmOperand b;
  private MemorySegment out;
  private long leading;
  private GemmEpilogue epilogue;
  private MemorySegment bias;
  private MemorySegment preActivation;

  // The block being computed: rows, columns and terms from … on, how many.
  private int row;
  private int rows;
  private int column;
  private int columns;
  private int term;
  private int terms;
  private int tasksA;
  private int groupA;
  private int groupB;
  private int tileRows;
  private int tileColumns;
  private boolean add;
  private boolean last;

  Gemm(WorkerPool pool) {
    this.pool = pool;
  }

  /**
   * {@code out = epilogue(A · B)}, or {@code out += A · B}.
   *
   * @param a (m, k)
   * @param b (k, n)
   * @param m rows
   * @param n columns
   * @param k terms, at least 1
   * @param out (m, n) with {@code leading} floats from row to row
   * @param accumulate add to what {@code out} holds
   * @param biasOrNull (n)
   * @param preActivationOrNull (m, n) laid out as {@code out}
   */
  void multiply(
      GemmOperand a,
      GemmOperand b,
      int m,
      int n,
      int k,
      MemorySegment out,
      long leading,
      boolean accumulate,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull) {
    this.a = a;
    this.b = b;
    this.out = out;
    this.leading = leading;
    this.epilogue = epilogue;
    this.bias = biasOrNull;
    this.preActivation = preActivationOrNull;
    int blockTerms = even(k, BLOCK_TERMS, GemmKernel.DEPTH);
    int blockRows = even(m, BLOCK_A_FLOATS / blockTerms, GemmKernel.ROWS);
    int blockColumns = even(n, BLOCK_B_FLOATS / blockTerms, GemmKernel.COLUMNS);
    reserve(blockRows, blockColumns, blockTerms);
    for (term = 0; term < k; term += blockTerms) {
      terms = Math.min(blockTerms, k - term);
      add = accumulate || term > 0;
      last = term + terms == k;
      for (column = 0; column < n; column += blockColumns) {
        columns = Math.min(blockColumns, n - column);
        for (row = 0; row < m; row += blockRows) {
          rows = Math.min(blockRows, m - row);
          boolean freshA = column == 0 || blockRows < m;
          block(freshA, row == 0);
        }
      }
    }
    this.a = null;
    this.b = null;
    this.out = null;
    this.bias = null;
    this.preActivation = null;
  }

  /** Splits {@code total} into equal parts of at most {@code most}, each a multiple of a unit. */
  private static int even(int total, int most, int unit) {
    int limit = Math.max(unit, most / unit * unit);
    int parts = (total + limit - 1) / limit;
    int part = (total + parts - 1) / parts;
    return (part + unit - 1) / unit * unit;
  }

  private void reserve(int blockRows, int blockColumns, int blockTerms) {
    int needA = Math.toIntExact(packerA.floats(blockRows, blockTerms));
    int needB = Math.toIntExact(packerB.floats(blockColumns, blockTerms));
    int mostA = Math.max(needA, BLOCK_A_FLOATS + (BLOCK_A_FLOATS >> 3));
    int mostB = Math.max(needB, BLOCK_B_FLOATS + (BLOCK_B_FLOATS >> 3));
    if (scratch.length == 0) {
      GemmKernel.warmUp();
    }
    if (scratch.length == 0 || baseB - ALIGN < needA || baseTiles - baseB < needB) {
      baseB = ALIGN + (mostA + 15) / 16 * 16;
      baseTiles = baseB + (mostB + 15) / 16 * 16;
      scratch = new float[baseTiles + pool.threads() * TILE_FLOATS + 16];
    }
  }

  private void block(boolean freshA, boolean freshB) {
    int units = (terms + PACK_TERMS - 1) / PACK_TERMS;
    int panelsA = packerA.panels(rows);
    int panelsB = packerB.panels(columns);
    groupA = Math.max(1, PACK_LINES / GemmKernel.ROWS);
    groupB = Math.max(1, PACK_LINES / GemmKernel.COLUMNS);
    tasksA = freshA ? units * ((panelsA + groupA - 1) / groupA) : 0;
    int tasksB = freshB ? units * ((panelsB + groupB - 1) / groupB) : 0;
    pool.run(tasksA + tasksB, packing);

    tileRows = TILE_ROW_PANELS;
    tileColumns = TILE_COLUMN_PANELS;
    while (tiles(panelsA, panelsB) < 8 * pool.threads() && tileRows > 2) {
      tileRows = (tileRows + 1) / 2;
      tileColumns = tileRows < TILE_ROW_PANELS / 2 ? (tileColumns + 1) / 2 : tileColumns;
    }
    pool.run(tiles(panelsA, panelsB), computing);
  }

  private int tiles(int panelsA, int panelsB) {
    return ((panelsA + tileRows - 1) / tileRows) * ((panelsB + tileColumns - 1) / tileColumns);
  }

  private void pack(int task, int worker) {
    if (task < tasksA) {
      pack(packerA, a, row, rows, groupA, ALIGN, task, worker);
    } else {
      pack(packerB, b, column, columns, groupB, baseB, task - tasksA, worker);
    }
  }

  private void pack(
      GemmPacker packer,
      GemmOperand operand,
      int line,
      int lines,
      int group,
      int base,
      int task,
      int worker) {
    int panels = packer.panels(lines);
    int groups = (panels + group - 1) / group;
    int from = task / groups * PACK_TERMS;
    int count = Math.min(PACK_TERMS, terms - from);
    int first = task % groups * group;
    int end = Math.min(panels, first + group);
    packer.pack(
        operand,
        line,
        lines,
        term + from,
        from,
        count,
        first,
        end,
        scratch,
        base,
        baseTiles + worker * TILE_FLOATS);
  }

  private void compute(int task, int worker) {
    int panelsA = packerA.panels(rows);
    int panelsB = packerB.panels(columns);
    int rowTiles = (panelsA + tileRows - 1) / tileRows;
    int firstA = task % rowTiles * tileRows;
    int endA = Math.min(panelsA, firstA + tileRows);
    int firstB = task / rowTiles * tileColumns;
    int endB = Math.min(panelsB, firstB + tileColumns);
    int tile = baseTiles + worker * TILE_FLOATS;
    int slices = GemmPacker.slices(terms);
    for (int slice = 0; slice < slices; slice++) {
      int depth = Math.min(GemmKernel.DEPTH, terms - slice * GemmKernel.DEPTH);
      for (int j = firstB; j < endB; j++) {
        int panelB = baseB + packerB.offset(slice, j, panelsB);
        int to = tile + (j - firstB) * GemmKernel.COLUMNS;
        for (int i = firstA; i < endA; i++) {
          int panelA = ALIGN + packerA.offset(slice, i, panelsA);
          GemmKernel.run(scratch, panelA, panelB, depth, to, TILE_STRIDE, slice > 0);
          to += GemmKernel.ROWS * TILE_STRIDE;
        }
      }
    }
    write(tile, firstA, endA, firstB, endB);
  }

  private void write(int tile, int firstA, int endA, int firstB, int endB) {
    GemmEpilogue now = last ? epilogue : GemmEpilogue.STORE;
    int firstRow = firstA * GemmKernel.ROWS;
    int endRow = Math.min(rows, endA * GemmKernel.ROWS);
    int firstColumn = firstB * GemmKernel.COLUMNS;
    int count = Math.min(columns, endB * GemmKernel.COLUMNS) - firstColumn;
    long at = column + firstColumn;
    for (int i = firstRow; i < endRow; i++) {
      now.write(
          scratch,
          tile + (i - firstRow) * TILE_STRIDE,
          count,
          out,
          ((row + i) * leading + at) * Float.BYTES,
          add,
          bias,
          at * Float.BYTES,
          preActivation);
    }
  }
}
