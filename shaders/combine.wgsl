// combine — weights · x: every row of the result is a weighted sum of rows of x.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
//      weights  outputs × rows, mantissa (f32 word) and exponent (i32)
// out  out      outputs × stride, words of f32
//
// One invocation owns one column of one result. A first look at the column finds the largest term's
// exponent; a second one adds the terms, all scaled by it, so that no term overflows and none that
// matters vanishes. Cost: rows reads from memory and as many from cache for each result.

#import bits
#import sum
#import columns

struct Params { rows: u32, cols: u32, stride: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn combine(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    let first = group.z * p.rows;

    var top = NO_EXPONENT;
    var total = Total(Sum(0.0, 0.0), 0u);
    for (var i = 0u; i < p.rows; i++) {
        let weight = weights[first + i];
        // A row of weight 0 is not read.
        if weight.x == 0u { continue; }
        let word = x[starts[i] + col];
        if is_finite(word) {
            top = max(top, exponent(word) + bitcast<i32>(weight.y));
        } else {
            total.infinities |= infinity_of(word, weight.x);
        }
    }
    for (var i = 0u; i < p.rows && total.infinities == 0u; i++) {
        let weight = weights[first + i];
        if weight.x == 0u { continue; }
        let term = scaled(x[starts[i] + col], bitcast<i32>(weight.y) - top);
        total.sum = add(total.sum, bitcast<f32>(weight.x) * term, p.zero);
    }
    out[group.z * p.stride + col] = total_word(total, 1.0, top, p.zero);
}
