// rank_sum_search — sum of the numbers at ranks [begin, end) of each column, i32 in two's complement, modulo
// 2^32, for any number of rows.
//
// in   x        words, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words
//
// One invocation owns one column: 32 reads of it for the keys at the first and the last rank, one for
// the sum; no scratch memory, uniform control flow, and exact: sums wrap as integers do.

#import columns
#import ends
#import words

struct Params { rows: u32, cols: u32, begin: u32, end: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

fn sorted_key(row: u32, col: u32) -> u32 {
    return flipped(x[starts[row] + col]);
}

@compute @workgroup_size(WG_SIZE)
fn rank_sum_search(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }

    let ends = ends_of(col);

    // What lies strictly between, and of the keys equal to an end as many as have ranks inside.
    var sum = 0u;
    var above_low = 0u;
    var below_high = 0u;
    for (var i = 0u; i < p.rows; i++) {
        let word = x[starts[i] + col];
        let key = flipped(word);
        sum += select(0u, word, key > ends.low && key < ends.high);
        above_low += u32(key > ends.low);
        below_high += u32(key < ends.high);
    }
    let of_low = p.rows - p.begin - above_low;
    let of_high = p.end - below_high;
    let sum_of_ends = of_low * flipped(ends.low) + of_high * flipped(ends.high);
    out[col] = select(sum + sum_of_ends, (p.end - p.begin) * flipped(ends.low), ends.low == ends.high);
}
