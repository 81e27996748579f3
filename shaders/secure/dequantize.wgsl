// dequantize — integers times a number: each is rounded to f32, and so is its product.
//
// in   x        words in two's complement, the row starts at starts[0], a multiple of 4
//      starts   1, u32
// out  out      cols, words of f32
//
// One invocation owns four adjacent columns.

#import columns
#import scaled

struct Params { scale: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(3) var<uniform> p: Params;

fn dequantized(word: u32) -> u32 {
    let negative = (word & SIGN) != 0u;
    let integer = scaled_integer(select(word, 0u - word, negative));
    if integer.significand == 0u { return 0u; }
    return (word & SIGN) | word_of(product(integer, scaled_of(p.scale)));
}

@compute @workgroup_size(WG_SIZE)
fn dequantize(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quad = column_of(group, groups, local);
    if 4u * quad >= p.cols { return; }
    let words = x[starts[0] / 4u + quad];
    out[quad] = vec4u(
        dequantized(words.x),
        dequantized(words.y),
        dequantized(words.z),
        dequantized(words.w),
    );
}
