// squared_norms — for each row and block of columns: the sum of squares, scaled by the row's largest
// exponent in that block.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
//      screen   blocks × rows, count and exponent, from count_non_finite
// out  out      blocks × rows, high and low part of the sum; the true sum is 4^exponent times that
//
// One workgroup owns one row of one block. Non-finite entries are left out.

#import bits
#import sum

struct Params { rows: u32, cols: u32, block_cols: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> screen: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> out: array<vec2f>;
@group(0) @binding(4) var<uniform> p: Params;

const WG_SIZE: u32 = 64;

var<workgroup> sh_high: array<f32, WG_SIZE>;
var<workgroup> sh_low: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn squared_norms(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let start = starts[group.x];
    let begin = group.y * p.block_cols;
    let to = min(p.cols, begin + p.block_cols);
    let cell = group.y * p.rows + group.x;
    let top = bitcast<i32>(screen[cell].y);
    var sum = Sum(0.0, 0.0);
    for (var col = begin + local; col < to; col += WG_SIZE) {
        let word = x[start + col];
        if !is_finite(word) { continue; }
        let value = scaled(word, -top);
        sum = add(sum, value * value, p.zero);
    }
    sh_high[local] = sum.high;
    sh_low[local] = sum.low;
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        // Both halves are written before one is folded into the other.
        workgroupBarrier();
        if local < half {
            let other = Sum(sh_high[local + half], sh_low[local + half]);
            sum = add_sums(sum, other, p.zero);
            sh_high[local] = sum.high;
            sh_low[local] = sum.low;
        }
    }
    if local == 0u { out[cell] = vec2f(sum.high, sum.low); }
}
