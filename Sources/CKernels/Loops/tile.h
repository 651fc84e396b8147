// The products' register tile: at most TILE_ROWS rows by TILE_COLUMNS columns of sums, in vectors
// of VECTOR floats.
//
// Every sum runs in the order of the depth, one MADD per step, so its bits don't depend on vector
// and tile sizes.

typedef float vector __attribute__((ext_vector_type(VECTOR), aligned(4)));
typedef uint32_t words __attribute__((ext_vector_type(VECTOR), aligned(4)));

enum {
    LINE = DTRAIN_LINE,
    BLOCK_COLUMNS = DTRAIN_BLOCK_COLUMNS,
    STATE_GROUP = DTRAIN_STATE_GROUP,
    // 24 of 32 vector registers hold sums, or 12 of 16.
    TILE_ROWS = VECTOR == 16 ? 12 : 6,
    TILE_COLUMNS = 2 * VECTOR,
    // The maximum number of steps of a tile at a time; their operands fit the L1 and L2 caches.
    TILE_STEPS = VECTOR == 16 ? DTRAIN_MAXIMUM_TILE_STEPS : 256,
    // The number of steps by which a tile prefetches its rows of B into the L1 cache.
    TILE_AHEAD = 16,
    // A tile prefetches in one of two ways. An eager tile fetches a line into the L2 cache in each
    // step, and its own rows of B into the L1 cache; this suits few rows, which wait for the
    // weights. An even tile fetches a line every EVEN_STEPS steps, and that many tiles share the
    // lines: with vectors of 32 bytes, loads and multiplications take about the same time, and more
    // prefetches would stall the tile.
    EAGER = 1,
    EVEN_STEPS = VECTOR == 16 ? EAGER : 4,
    TILE_UNROLL = 4,

    // A strip has so few rows that the sums of many columns fit the registers. It is limited by the
    // bandwidth of B, with 8 KiB in flight. A single row needs more vectors to hide the latency of
    // its sums.
    STRIP_ROWS = VECTOR == 16 ? 5 : 3,
    STRIP_VECTORS = 4,
    ROW_VECTORS = VECTOR == 16 ? 4 : 8,
    STRIP_AHEAD = 32,
};
_Static_assert(STATE_GROUP % TILE_ROWS == 0, "a tile's rows lie in one group of states");
_Static_assert(BLOCK_COLUMNS % (ROW_VECTORS * VECTOR) == 0, "a strip's columns lie in one block");

typedef struct {
    const float *a;     // [rows][steps] or [steps][rows], see the tile's definition
    const float *b;     // [steps][columns]
    int64_t b_stride;   // between B's rows, where it isn't a constant
    int64_t depth;      // steps
    const float *next;  // prefetched into the L2 cache, a line every EAGER or EVEN_STEPS steps
    float *c;           // [rows][columns], rows c_stride apart
    int64_t c_stride;
    int accumulate;
} tile;

#define UNROLL _Pragma("clang loop unroll(full)")

// Returns the first line of `next` for the index-th of the even tiles that share it.
INLINE int64_t even_line(int64_t index, int64_t depth) { return index % EVEN_STEPS * (depth / EVEN_STEPS); }

INLINE void fetch_to_l1(const float *line) { __builtin_prefetch(line, 0, 3); }
INLINE void fetch_to_l2(const float *line) { __builtin_prefetch(line, 0, 2); }

// Return the bf16 numbers in the lower or upper halves of 32 bits, as float32.
INLINE vector lower_half(vector pairs) { return __builtin_bit_cast(vector, __builtin_bit_cast(words, pairs) << 16); }
INLINE vector upper_half(vector pairs) { return __builtin_bit_cast(vector, __builtin_bit_cast(words, pairs) & 0xffff0000u); }

INLINE vector load(const float *from) { return *(const vector *)from; }
INLINE void store(float *to, vector value) { *(vector *)to = value; }

// Add the products of one step to `sum`: of float32 numbers, or of two float32 numbers and a bf16
// pair expanded to float32.
#define MADD_FP32(sum, a, b) FUSED_VECTOR((vector)(*(a)), b, sum)
#define MADD_EXPANDED(sum, a, b)                                                                                      \
    FUSED_VECTOR((vector)((a)[1]), upper_half(b), FUSED_VECTOR((vector)(*(a)), lower_half(b), sum))

// c[rows][VECTOR * vectors] (+)= a * b for a constant number of rows and vectors. Element (i, k) of
// A is a[i * a_row + k * a_step]; a_row and a_step are constants, which the compiler encodes in the
// instructions. The local copy of the tile can't alias C.
#define DEFINE_TILE(name, madd, vectors, a_row, a_step, b_step, next_step, every)                                     \
    INLINE void name##_step(const int rows, const tile *t, int64_t k, vector sum[TILE_ROWS][vectors]) {               \
        vector b[vectors];                                                                                            \
        UNROLL for (int j = 0; j < vectors; j++) b[j] = load(t->b + k * (b_step) + VECTOR * j);                       \
        UNROLL for (int j = 0; j < vectors; j++) {                                                                    \
            if ((every) == EAGER && VECTOR * j % LINE == 0) fetch_to_l1(t->b + (k + TILE_AHEAD) * (b_step) + VECTOR * j);\
        }                                                                                                             \
        UNROLL for (int i = 0; i < rows; i++) {                                                                       \
            const float *a = t->a + i * (a_row) + k * (a_step);                                                       \
            UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = madd(sum[i][j], a, b[j]);                            \
        }                                                                                                             \
    }                                                                                                                 \
    INLINE void name##_rows(const int rows, const tile *given) {                                                      \
        const tile t = *given;                                                                                        \
        vector sum[TILE_ROWS][vectors];                                                                               \
        UNROLL for (int i = 0; i < rows; i++) {                                                                       \
            UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =                                                      \
                t.accumulate ? load(t.c + i * t.c_stride + VECTOR * j) : (vector)0.0f;                                \
        }                                                                                                             \
        int64_t k = 0;                                                                                                \
        for (; k + TILE_UNROLL <= t.depth; k += TILE_UNROLL) {                                                        \
            UNROLL for (int i = 0; i < TILE_UNROLL; i++) {                                                            \
                if (i % (every) == 0) fetch_to_l2(t.next + (k + i) / (every) * (next_step));                          \
                name##_step(rows, &t, k + i, sum);                                                                    \
            }                                                                                                         \
        }                                                                                                             \
        for (; k < t.depth; k++) name##_step(rows, &t, k, sum);                                                       \
        UNROLL for (int i = 0; i < rows; i++) {                                                                       \
            UNROLL for (int j = 0; j < vectors; j++) store(t.c + i * t.c_stride + VECTOR * j, sum[i][j]);             \
        }                                                                                                             \
    }                                                                                                                 \
    static void name(int64_t rows, const tile *t) {                                                                   \
        switch (rows) {                                                                                               \
        case 1: name##_rows(1, t); break;                                                                             \
        case 2: name##_rows(2, t); break;                                                                             \
        case 3: name##_rows(3, t); break;                                                                             \
        case 4: name##_rows(4, t); break;                                                                             \
        case 5: name##_rows(5, t); break;                                                                             \
        case 6: name##_rows(6, t); break;                                                                             \
        LARGE_TILE_CASES(name)                                                                                        \
        }                                                                                                             \
    }

#if VECTOR == 16
#define LARGE_TILE_CASES(name)                                                                                        \
    case 7: name##_rows(7, t); break;                                                                                 \
    case 8: name##_rows(8, t); break;                                                                                 \
    case 9: name##_rows(9, t); break;                                                                                 \
    case 10: name##_rows(10, t); break;                                                                               \
    case 11: name##_rows(11, t); break;                                                                               \
    default: name##_rows(12, t); break;
#else
#define LARGE_TILE_CASES(name)
#endif

// The same for at most STRIP_ROWS rows, or for one row; each column of B is read once.
#define DEFINE_STRIP_ROWS(name, madd, vectors, a_step, b_step)                                                             \
    INLINE void name##_rows(const int rows, const tile *given, int64_t a_row) {                                       \
        const tile t = *given;                                                                                        \
        vector sum[STRIP_ROWS][vectors];                                                                              \
        UNROLL for (int i = 0; i < rows; i++) {                                                                       \
            UNROLL for (int j = 0; j < vectors; j++) sum[i][j] =                                                      \
                t.accumulate ? load(t.c + i * t.c_stride + VECTOR * j) : (vector)0.0f;                                \
        }                                                                                                             \
        _Pragma("clang loop unroll_count(2)") for (int64_t k = 0; k < t.depth; k++) {                                 \
            UNROLL for (int j = 0; j < vectors; j++) {                                                                \
                const float *line = t.b + k * (b_step) + VECTOR * j;                                                  \
                if (VECTOR * j % LINE == 0) fetch_to_l1(line + STRIP_AHEAD * (b_step));                               \
                const vector b = load(line);                                                                          \
                UNROLL for (int i = 0; i < rows; i++) sum[i][j] = madd(sum[i][j], t.a + i * a_row + k * (a_step), b); \
            }                                                                                                         \
        }                                                                                                             \
        UNROLL for (int i = 0; i < rows; i++) {                                                                       \
            UNROLL for (int j = 0; j < vectors; j++) store(t.c + i * t.c_stride + VECTOR * j, sum[i][j]);             \
        }                                                                                                             \
    }

#define DEFINE_ROW(name, madd, vectors, a_step, b_step)                                                               \
    DEFINE_STRIP_ROWS(name, madd, vectors, a_step, b_step)                                                            \
    static void name(int64_t rows, const tile *t, int64_t a_row) {                                                    \
        (void)rows;                                                                                                   \
        name##_rows(1, t, a_row);                                                                                     \
    }

#define DEFINE_STRIP(name, madd, vectors, a_step, b_step)                                                             \
    DEFINE_STRIP_ROWS(name, madd, vectors, a_step, b_step)                                                            \
    static void name(int64_t rows, const tile *t, int64_t a_row) {                                                    \
        switch (rows) {                                                                                               \
        case 1: name##_rows(1, t, a_row); break;                                                                      \
        case 2: name##_rows(2, t, a_row); break;                                                                      \
        case 3: name##_rows(3, t, a_row); break;                                                                      \
        LARGE_STRIP_CASES(name)                                                                                       \
        }                                                                                                             \
    }

#if VECTOR == 16
#define LARGE_STRIP_CASES(name)                                                                                       \
    case 4: name##_rows(4, t, a_row); break;                                                                          \
    default: name##_rows(5, t, a_row); break;
#else
#define LARGE_STRIP_CASES(name)
#endif
