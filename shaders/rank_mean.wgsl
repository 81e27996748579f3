// rank_mean — mean of the sorted values at ranks [begin, end) of each column, by a sorting network.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words of f32
//
// One invocation owns one column, reads it once and sorts it in registers, as keys. The network is
// generated for the exact number of rows and pruned to the window (see network.ts): it fills the slot
// and leaves the result in `word`. A single rank is a selection and exact.

#import bits
#import sum
#import columns
#import kept

struct Params { rows: u32, cols: u32, begin: u32, end: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn rank_mean(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    #slot sort
    out[col] = word;
}
