// rank_mean_stream — mean of the sorted values at ranks [begin, end) of each column, for windows that
// leave out few: any number of rows, each read once.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words of f32
//
// One invocation owns one column and holds, sorted, the `begin` lowest and the `rows − end` highest keys
// that it has seen. Rows come in chunks: what a chunk drives out of both ends is kept for certain, and
// is added at once. (The total less its extremes would be nothing after one value of 1e38.) Generated
// networks (see network.ts) fill the slots: `fill` sorts the first rows into the ends, `step` takes a
// chunk of rows, `insert` takes one row.

#import bits
#import sum
#import columns
#import kept

struct Params { rows: u32, cols: u32, begin: u32, end: u32, chunk: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn rank_mean_stream(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    var kept = nothing_kept();
    var row = p.begin + p.rows - p.end;
    #slot fill
    for (; row + p.chunk <= p.rows; row += p.chunk) {
        #slot step
    }
    for (; row < p.rows; row++) {
        #slot insert
    }
    out[col] = kept_word(kept, col, p.begin, p.end);
}
