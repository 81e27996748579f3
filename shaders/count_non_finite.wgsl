// count_non_finite — for each row and block of columns: entries that are NaN or infinite, and the
// largest exponent of the others.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      blocks × rows, count and exponent
//
// One workgroup owns one row of one block. Finiteness is told by the bits: a shader may assume that
// a float is finite, never that a word is.

#import bits

struct Params { rows: u32, cols: u32, block_cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec2u>;
@group(0) @binding(3) var<uniform> p: Params;

const WG_SIZE: u32 = 64;

var<workgroup> sh_count: array<u32, WG_SIZE>;
var<workgroup> sh_top: array<i32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn count_non_finite(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let start = starts[group.x];
    let begin = group.y * p.block_cols;
    let to = min(p.cols, begin + p.block_cols);
    var count = 0u;
    var top = NO_EXPONENT;
    for (var col = begin + local; col < to; col += WG_SIZE) {
        let word = x[start + col];
        if is_finite(word) {
            top = max(top, exponent(word));
        } else {
            count++;
        }
    }
    sh_count[local] = count;
    sh_top[local] = top;
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        // Both halves are written before one is folded into the other.
        workgroupBarrier();
        if local < half {
            sh_count[local] += sh_count[local + half];
            sh_top[local] = max(sh_top[local], sh_top[local + half]);
        }
    }
    if local == 0u {
        out[group.y * p.rows + group.x] = vec2u(sh_count[0], bitcast<u32>(sh_top[0]));
    }
}
