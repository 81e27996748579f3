// rank_mean_search — mean of the sorted values at ranks [begin, end) of each column, for any number of
// rows.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words of f32
//
// One invocation owns one column: 32 reads of it for the keys at the first and the last rank, one for
// the sum; no scratch memory, uniform control flow.

#import bits
#import sum
#import columns
#import ends
#import kept

struct Params { rows: u32, cols: u32, begin: u32, end: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

fn sorted_key(row: u32, col: u32) -> u32 {
    return key_of(x[starts[row] + col]);
}

@compute @workgroup_size(WG_SIZE)
fn rank_mean_search(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }

    let ends = ends_of(col);
    out[col] = mean_between(col, ends.low, ends.high, p.begin, p.end);
}
