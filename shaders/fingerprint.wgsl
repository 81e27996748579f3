// fingerprint — for each row and block of columns: two sums modulo 2^32 of words times numbers of
// their columns.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      blocks × rows, low and high word
//
// One workgroup owns one row of one block. Why words and columns enter so stands in fingerprint.ts.

struct Params { rows: u32, cols: u32, block_cols: u32, first_col: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec2u>;
@group(0) @binding(3) var<uniform> p: Params;

const WG_SIZE: u32 = 64;

var<workgroup> sh_words: array<vec2u, WG_SIZE>;

fn mix(word: u32) -> u32 {
    var h = word;
    h = (h ^ (h >> 16u)) * 0x85ebca6bu;
    h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
    return h ^ (h >> 16u);
}

@compute @workgroup_size(WG_SIZE)
fn fingerprint(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let start = starts[group.x];
    let begin = group.y * p.block_cols;
    let to = min(p.cols, begin + p.block_cols);
    var words = vec2u(0u, 0u);
    for (var col = begin + local; col < to; col += WG_SIZE) {
        let word = x[start + col];
        let place = p.first_col + col;
        let folded = word ^ (word >> 15u);
        words.x += folded * (mix(place * 0x9e3779b1u) | 1u);
        words.y += folded * (mix(place * 0x85ebca77u) | 1u);
    }
    sh_words[local] = words;
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        // Both halves are written before one is folded into the other.
        workgroupBarrier();
        if local < half { sh_words[local] += sh_words[local + half]; }
    }
    if local == 0u { out[group.y * p.rows + group.x] = sh_words[0]; }
}
