// rank_sum — sum of the numbers at ranks [begin, end) of each column, i32 in two's complement, modulo
// 2^32, by a sorting network.
//
// in   x        words, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words
//
// One invocation owns one column, reads it once and sorts it in registers, as keys. The network is
// generated for the exact number of rows and pruned to the window (see network.ts): it fills the slot
// and leaves the result in `word`. Exact: sums wrap as integers do.

#import columns
#import words

struct Params { rows: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn rank_sum(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    #slot sort
    out[col] = word;
}
