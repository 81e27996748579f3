// rank_mean_split — mean of the sorted values at ranks [begin, end) of each column, by the invocations
// of a workgroup together: for columns too long for the registers of one.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words of f32
//
// A workgroup owns WG_SIZE columns. RUNS invocations own one of them, and each sorts every RUNS-th row
// in registers. Sorted stretches of runs become one until there are two (splitNetwork in network.ts
// has the comparators); keys travel through workgroup memory, some slots of every run at a time. The
// two halves are not merged: of key i of one and key k − 1 − i of the other, the lower is among the k
// lowest of all (lowestOfHalves). So keys outside the window are told in one more exchange for each
// end, and become DROPPED. Generated text (see split-text.ts) fills the slots: `load`, the exchanges
// `end_to_end` and `side_by_side`, `merge` of a run, `select`, which finds the ends of the window, and
// `add`, which adds what is kept.

#import bits
#import sum
#import columns
#import kept

struct Params { rows: u32, cols: u32, begin: u32, end: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

// Invocations for each column.
override RUNS: u32 = 2;

// Above all keys: of rows that are not there, and of those outside the window.
const DROPPED: u32 = 0xffffffffu;

// Words of workgroup memory: two at least for each invocation, 4096 by default limits.
override WORDS: u32 = 4096;

var<workgroup> sh_keys: array<u32, WORDS>;

// Where the keys of an invocation stand: its run, counted within its half, and the other half's first.
struct Place { run: i32, across: u32, column: u32 }

// What the keys of an invocation meet in the other half: the invocation that publishes it, or the key
// that stands for what is missing; and whether equal keys of ours come first.
struct Facing { at: u32, missing: bool, edge: u32, wins_ties: bool }

// For keys that meet those of the run `sum` − own run.
fn facing(place: Place, sum: i32) -> Facing {
    let half = i32(RUNS / 2u);
    let run = sum - place.run;
    let missing = run < 0 || run >= half;
    let at = (place.across + u32(clamp(run, 0, half - 1))) * WG_SIZE + place.column;
    // Before the half's first key all is lower, beyond its last one greater.
    let edge = select(0u, DROPPED, run >= half);
    return Facing(at, missing, edge, !missing && place.across > 0u);
}

fn met(other: Facing, published: u32) -> u32 {
    return select(published, other.edge, other.missing);
}

// Whether a key is among the lowest, rather than what it meets.
fn is_lower(key: u32, other: Facing, published: u32) -> bool {
    let met = met(other, published);
    return key < met || (key == met && other.wins_ties);
}

fn kept_value(key: u32, unit: f32) -> f32 {
    return select(value_of(key, unit), 0.0, key == DROPPED);
}

fn key_at(row: u32, col: u32) -> u32 {
    if row >= p.rows { return DROPPED; }
    // Every key of NaN is as good as another; the last one is taken.
    return min(key_of(x[starts[row] + col]), DROPPED - 1u);
}

@compute @workgroup_size(WG_SIZE, RUNS)
fn rank_mean_split(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) id: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let true_col = column_of(group, groups, id.x);
    // All take part to the end, since all wait for each other.
    let col = min(true_col, p.cols - 1u);
    let run = id.y;
    #slot load
    for (var size = 1u; size < RUNS / 2u; size *= 2u) {
        {
            let other = run ^ (2u * size - 1u);
            let partner = other * WG_SIZE + id.x;
            let lower = run < other;
            #slot end_to_end
        }
        for (var apart = size / 2u; apart > 0u; apart /= 2u) {
            let other = run ^ apart;
            let partner = other * WG_SIZE + id.x;
            let lower = run < other;
            #slot side_by_side
        }
        {
            #slot merge
        }
    }
    let half = RUNS / 2u;
    let place = Place(i32(run % half), select(half, 0u, run >= half), id.x);
    var least = DROPPED;
    // The greatest key and 1: what is dropped wraps around to 0.
    var above = 0u;
    #slot select

    // What the exchange published has been read.
    workgroupBarrier();
    sh_keys[local] = least;
    sh_keys[WG_SIZE * RUNS + local] = above;
    // Every run has told its ends.
    workgroupBarrier();
    for (var other = id.x; other < WG_SIZE * RUNS; other += WG_SIZE) {
        least = min(least, sh_keys[other]);
        above = max(above, sh_keys[WG_SIZE * RUNS + other]);
    }
    // The invocations of a single rank tell candidates; the greatest is right.
    if p.end - p.begin == 1u { least = above - 1u; }
    var kept = widened(nothing_kept(), least, above - 1u);
    #slot add
    // All have read the ends.
    workgroupBarrier();
    sh_keys[local] = bitcast<u32>(kept.sum.high);
    sh_keys[WG_SIZE * RUNS + local] = bitcast<u32>(kept.sum.low);
    // Every run has told its sum.
    workgroupBarrier();
    if run > 0u || true_col >= p.cols { return; }
    for (var other = id.x + WG_SIZE; other < WG_SIZE * RUNS; other += WG_SIZE) {
        let high = bitcast<f32>(sh_keys[other]);
        let low = bitcast<f32>(sh_keys[WG_SIZE * RUNS + other]);
        kept.sum = add_sums(kept.sum, Sum(high, low), p.zero);
    }
    out[col] = kept_word(kept, col, p.begin, p.end);
}
