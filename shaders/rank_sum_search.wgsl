// rank_sum_search — sum of the numbers at ranks [begin, end) of each column, i32 in two's complement, modulo
// 2^32, for any number of rows.
//
// in   x        words, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words
//
// One invocation owns one column. The keys at the first and the last rank are built bit by bit from
// the top: a bit is set if no more than `rank` keys lie below. 32 reads of the column for both, one
// for the sum; no scratch memory, uniform control flow, and exact: sums wrap as integers do.

#import columns
#import words

struct Params { rows: u32, cols: u32, begin: u32, end: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;


@compute @workgroup_size(WG_SIZE)
fn rank_sum_search(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }

    var low = 0u;
    var high = 0u;
    for (var bit = SIGN; bit > 0u; bit >>= 1u) {
        var below_low = 0u;
        var below_high = 0u;
        for (var i = 0u; i < p.rows; i++) {
            let key = flipped(x[starts[i] + col]);
            below_low += u32(key < (low | bit));
            below_high += u32(key < (high | bit));
        }
        if below_low <= p.begin { low |= bit; }
        if below_high <= p.end - 1u { high |= bit; }
    }

    // What lies strictly between, and of the keys equal to an end as many as have ranks inside.
    var sum = 0u;
    var above_low = 0u;
    var below_high = 0u;
    for (var i = 0u; i < p.rows; i++) {
        let word = x[starts[i] + col];
        let key = flipped(word);
        sum += select(0u, word, key > low && key < high);
        above_low += u32(key > low);
        below_high += u32(key < high);
    }
    let of_low = p.rows - p.begin - above_low;
    let of_high = p.end - below_high;
    let ends = of_low * flipped(low) + of_high * flipped(high);
    out[col] = select(sum + ends, (p.end - p.begin) * flipped(low), low == high);
}
