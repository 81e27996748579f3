// deviation — sample standard deviation of each column, with rows − 1 in the denominator.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words of f32
//
// One invocation owns one column: largest exponent, mean, then squared differences, all scaled by
// that exponent. A column with a non-finite value gives NaN.

#import bits
#import sum
#import columns

struct Params { rows: u32, cols: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn deviation(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    var top = NO_EXPONENT;
    for (var i = 0u; i < p.rows; i++) {
        let word = x[starts[i] + col];
        if !is_finite(word) {
            out[col] = NOT_A_NUMBER;
            return;
        }
        top = max(top, exponent(word));
    }
    var sum = Sum();
    for (var i = 0u; i < p.rows; i++) {
        sum = add(sum, scaled(x[starts[i] + col], -top), p.zero);
    }
    let mean = opaque((sum.high + sum.low) / f32(p.rows), p.zero);
    var squares = Sum();
    // The mean is rounded; what its error adds to the squares is taken off again.
    var rest = Sum();
    for (var i = 0u; i < p.rows; i++) {
        let difference = opaque(scaled(x[starts[i] + col], -top) - mean, p.zero);
        squares = add(squares, difference * difference, p.zero);
        rest = add(rest, difference, p.zero);
    }
    let left = rest.high + rest.low;
    let variance = max(0.0, squares.high + squares.low - left * left / f32(p.rows));
    out[col] = joined(sqrt(variance / f32(p.rows - 1u)), top);
}
