package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;

/**
 * Single-precision matrix product {@code C = A · B} on native memory, after Goto and van de Geijn
 * (2008); factors in bf16 become floats as they are packed. The threads pack a block of A into
 * panels that they share. Then each takes columns of C at a time: slice by slice it packs its
 * columns of B into its own second-level cache, multiplies all panels of A with them into a tile on
 * the heap, and copies the finished tile out.
 *
 * <p>Each element sums its terms in one fixed order, whatever the number of threads and the block's
 * place, so results are the same bits for any number of threads. Scratch is one array, allocated at
 * first use and kept: so large that the collector starts it on a boundary of its own, which aligns
 * the panels to cache lines.
 */
final class Gemm implements MatrixProduct {
  /** Most terms in a packed block of A. */
  private static final int BLOCK_TERMS = 8 * GemmKernel.DEPTH;

  /**
   * Most rows in a packed block of A: with two panels of B, their tile fits the second-level cache.
   */
  private static final int BLOCK_ROWS = 768 / GemmKernel.ROWS * GemmKernel.ROWS;

  /** Most panels of B in a tile: several, so that memory is read and written along its rows. */
  private static final int TILE_PANELS = 4;

  /** The same for a transposed B, which is read along its columns anyway. */
  private static final int TILE_PANELS_TRANSPOSED = 2;

  private static final int TILE_STRIDE = TILE_PANELS * GemmKernel.COLUMNS;
  private static final int TILE_FLOATS = BLOCK_ROWS * TILE_STRIDE;

  /** Scratch of one worker: its tile, its panels of B, and what it packs A with. */
  private static final int WORKER_FLOATS =
      TILE_FLOATS + TILE_PANELS * GemmPacker.PANEL_B + GemmPacker.STAGING_FLOATS;

  /** Floats from a large array's first element to the next cache line boundary. */
  private static final int ALIGN = 12;

  private final WorkerPool pool;
  private final WorkerPool.Task packing = this::pack;
  private final WorkerPool.Task computing = this::compute;

  private float[] scratch = new float[0];
  private int workers; // where the workers' scratch begins

  // The product being computed.
  private GemmOperand a;
  private GemmOperand b;
  private MemorySegment out;
  private long leading;
  private GemmEpilogue epilogue;
  private MemorySegment bias;
  private MemorySegment preActivation;
  private MemorySegment columnSums;
  private boolean accumulate;
  private int n;

  // The block of A being used: rows and terms from … on, how many.
  private int row;
  private int rows;
  private int term;
  private int terms;
  private int panels;
  private int groups;
  private int tilePanels;
  private int bigTiles;
  private int columnTiles;
  private int rowPanels;
  private boolean add;
  private boolean last;

  Gemm(WorkerPool pool) {
    this.pool = pool;
  }

  @Override
  public void multiply(
      GemmOperand a,
      GemmOperand b,
      int m,
      int n,
      int k,
      DType outType,
      MemorySegment out,
      long leading,
      boolean accumulate,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull,
      MemorySegment columnSumsOrNull) {
    assert outType == DType.F32 : outType;
    this.a = a;
    this.b = b;
    this.n = n;
    this.out = out;
    this.leading = leading;
    this.epilogue = epilogue;
    this.bias = biasOrNull;
    this.preActivation = preActivationOrNull;
    this.columnSums = columnSumsOrNull;
    this.accumulate = accumulate;
    int blockTerms = even(k, BLOCK_TERMS, GemmKernel.DEPTH);
    int blockRows = even(m, BLOCK_ROWS, GemmKernel.ROWS);
    reserve(blockRows, blockTerms);
    for (term = 0; term < k; term += blockTerms) {
      terms = Math.min(blockTerms, k - term);
      add = accumulate || term > 0;
      last = term + terms == k;
      for (row = 0; row < m; row += blockRows) {
        rows = Math.min(blockRows, m - row);
        block();
      }
    }
    this.a = null;
    this.b = null;
    this.out = null;
    this.bias = null;
    this.preActivation = null;
    this.columnSums = null;
  }

  /** Splits {@code total} into equal parts of at most {@code most}, each a multiple of a unit. */
  private static int even(int total, int most, int unit) {
    int parts = (total + most - 1) / most;
    int part = (total + parts - 1) / parts;
    return (part + unit - 1) / unit * unit;
  }

  private static int slices(int terms) {
    return (terms + GemmKernel.DEPTH - 1) / GemmKernel.DEPTH;
  }

  private void reserve(int blockRows, int blockTerms) {
    int blockPanels = (blockRows + GemmKernel.ROWS - 1) / GemmKernel.ROWS;
    int needed = blockPanels * slices(blockTerms) * GemmPacker.PANEL_A;
    if (scratch.length == 0) {
      GemmKernel.warmUp();
    }
    if (scratch.length == 0 || workers - ALIGN < needed) {
      workers = ALIGN + (needed + 15) / 16 * 16; // aligned as the panels are
      scratch = new float[workers + pool.threads() * WORKER_FLOATS + 16];
    }
  }

  private void block() {
    panels = (rows + GemmKernel.ROWS - 1) / GemmKernel.ROWS;
    groups = (panels + GemmPacker.group(a) - 1) / GemmPacker.group(a);
    pool.run(groups * slices(terms), packing);
    int columnPanels = (n + GemmKernel.COLUMNS - 1) / GemmKernel.COLUMNS;
    tilePanels = b.transposed() ? TILE_PANELS_TRANSPOSED : TILE_PANELS;
    while (tilePanels > 1 && columnPanels < 2 * tilePanels * pool.threads()) {
      tilePanels /= 2;
    }
    // Small tiles last, so that no thread waits long for another.
    bigTiles = Math.max(0, columnPanels / tilePanels - pool.threads());
    columnTiles = bigTiles + columnPanels - bigTiles * tilePanels;
    int rowTiles = Math.min((2 * pool.threads() + columnTiles - 1) / columnTiles, panels);
    rowPanels = (panels + rowTiles - 1) / rowTiles;
    pool.run(columnTiles * ((panels + rowPanels - 1) / rowPanels), computing);
  }

  /** Packs a slice of a group of panels of A. */
  private void pack(int task, int worker) {
    int slice = task / groups;
    int group = task % groups;
    int from = slice * GemmKernel.DEPTH;
    int firstPanel = group * GemmPacker.group(a);
    int endPanel = Math.min(panels, firstPanel + GemmPacker.group(a));
    int first = firstPanel * GemmKernel.ROWS;
    GemmPacker.rows(
        a,
        row + first,
        Math.min(rows, endPanel * GemmKernel.ROWS) - first,
        term + from,
        Math.min(GemmKernel.DEPTH, terms - from),
        scratch,
        panelA(slice, firstPanel),
        workers + worker * WORKER_FLOATS);
  }

  private int panelA(int slice, int panel) {
    return ALIGN + (slice * panels + panel) * GemmPacker.PANEL_A;
  }

  /** Computes one tile of the output from all slices. */
  private void compute(int task, int worker) {
    int number = task % columnTiles;
    int panelsBefore = Math.min(number, bigTiles) * tilePanels + Math.max(0, number - bigTiles);
    int firstColumn = panelsBefore * GemmKernel.COLUMNS;
    int panelsThere = number < bigTiles ? tilePanels : 1;
    int columns = Math.min(panelsThere * GemmKernel.COLUMNS, n - firstColumn);
    int firstPanel = task / columnTiles * rowPanels;
    int endPanel = Math.min(panels, firstPanel + rowPanels);
    int tile = workers + worker * WORKER_FLOATS;
    int panelsB = tile + TILE_FLOATS;
    for (int slice = 0; slice < slices(terms); slice++) {
      int from = slice * GemmKernel.DEPTH;
      int depth = Math.min(GemmKernel.DEPTH, terms - from);
      GemmPacker.columns(b, firstColumn, columns, term + from, depth, scratch, panelsB);
      if (columnSums != null && row + firstPanel == 0) {
        boolean onto = accumulate || term + from > 0;
        ColumnSum.add(scratch, panelsB, depth, columns, columnSums, firstColumn, onto);
      }
      for (int i = firstPanel; i < endPanel; i++) {
        int panelA = panelA(slice, i);
        int to = tile + (i - firstPanel) * GemmKernel.ROWS * TILE_STRIDE;
        int panelB = panelsB;
        for (int j = 0; j < columns; j += GemmKernel.COLUMNS) {
          GemmKernel.run(scratch, panelA, panelB, depth, to + j, TILE_STRIDE, slice > 0);
          panelB += GemmPacker.PANEL_B;
        }
      }
    }
    write(tile, firstPanel * GemmKernel.ROWS, endPanel * GemmKernel.ROWS, firstColumn, columns);
  }

  private void write(int tile, int firstRow, int endRow, int firstColumn, int columns) {
    GemmEpilogue now = last ? epilogue : GemmEpilogue.STORE;
    now.write(
        scratch,
        tile,
        TILE_STRIDE,
        Math.min(rows, endRow) - firstRow,
        columns,
        out,
        ((row + firstRow) * leading + firstColumn) * Float.BYTES,
        leading * Float.BYTES,
        add,
        last ? bias : null,
        (long) firstColumn * Float.BYTES,
        preActivation);
  }

  @Override
  public void close() {
    scratch = new float[0];
  }
}
