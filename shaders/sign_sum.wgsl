// sign_sum — sum of the signs of each column; zeros and NaN count 0.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words of f32
//
// One invocation owns one column. An integer of at most `rows`, exact in f32.

#import bits
#import columns

struct Params { rows: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn sign_sum(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    var sum = 0;
    for (var i = 0u; i < p.rows; i++) {
        let word = x[starts[i] + col];
        if (word & MAGNITUDE) == 0u || is_nan(word) { continue; }
        sum += select(1, -1, (word & SIGN) != 0u);
    }
    out[col] = bitcast<u32>(f32(sum));
}
