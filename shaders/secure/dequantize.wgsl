// dequantize — integers times a number of 64 bits: products in f64, rounded to f32.
//
// in   x        words, the row starts at starts[0], a multiple of 4; integers in two's complement are what
//               is left of them without the `above` highest bits
//      starts   1, u32
// out  out      cols, words of f32
//
// One invocation owns four adjacent columns. Products are made by integers alone, and rounded twice, as f64
// and f32 do.

#import columns
#import scaled

// The words of the scale, an f64.
struct Params { high: u32, cols: u32, low: u32, above: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(3) var<uniform> p: Params;

// Of an f64, in its upper word.
const HIDDEN: u32 = 0x100000u;

// The two words of a product, the upper first.
fn wide(x: u32, y: u32) -> vec2u {
    let a = vec2u(x >> 16u, x & 0xffffu);
    let b = vec2u(y >> 16u, y & 0xffffu);
    let low = a.y * b.y;
    let left = a.x * b.y;
    let right = a.y * b.x;
    let middle = (low >> 16u) + (left & 0xffffu) + (right & 0xffffu);
    let high = a.x * b.x + (left >> 16u) + (right >> 16u) + (middle >> 16u);
    return vec2u(high, (middle << 16u) | (low & 0xffffu));
}

fn dequantized(word: u32) -> u32 {
    let integer = bitcast<i32>(word << p.above) >> p.above;
    if integer == 0 { return 0u; }
    let magnitude = u32(select(integer, -integer, integer < 0));
    let up = countLeadingZeros(magnitude);
    // 32 bits times 53: 84 or 85.
    let lower = wide(magnitude << up, p.low);
    let upper = wide(magnitude << up, (p.high & (HIDDEN - 1u)) | HIDDEN);
    let middle = lower.x + upper.y;
    var bits = vec3u(upper.x + u32(middle < lower.x), middle, lower.y);
    var exponent = i32(p.high >> 20u) - 1075 + 61 - i32(up);
    if bits.x < HIDDEN {
        bits = (bits << vec3u(1u)) | vec3u(bits.yz >> vec2u(31u), 0u);
        exponent -= 1;
    }
    // To 53 bits, the upper two words …
    if bits.z > SIGN || (bits.z == SIGN && (bits.y & 1u) == 1u) {
        bits.y += 1u;
        bits.x += u32(bits.y == 0u);
        // 2^53 is a power of two: half of it has the same bits.
        if bits.x == 2u * HIDDEN { bits.x = HIDDEN; exponent += 1; }
    }
    // … and to 24.
    let value = Scaled((bits.x << 3u) | (bits.y >> 29u), exponent);
    let rest = bits.y & 0x1fffffffu;
    return (bitcast<u32>(integer) & SIGN) | word_of(rounded(value, rest, 0x10000000u));
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
