// quantize — numbers as integers, rounded up or down as ChaCha20 says: see core/stochastic-rounding.ts.
//
// in   x        words of f32, the row starts at starts[0], a multiple of 4
//      starts   1, u32
//      state    4 rows of a ChaCha20 state
// out  out      cols, words in two's complement
//
// One invocation owns sixteen adjacent columns, of which a block gives each a word. Integers alone: the
// same bits on every device.

#import columns
#import chacha20
#import scaled

struct Params { limit: u32, cols: u32, clip: u32, scale: u32, first_quad: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> state: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(4) var<uniform> p: Params;

const INFINITE: u32 = 0x7f800000u;
// Values below 2^-24 count as none.
const LEAST_EXPONENT: i32 = -47;
const CHANCES: u32 = 0x1000000u;

// By magnitudes. A positive number goes away from 0 where 2^24 · fraction, which is exact, is above r; a
// negative one where it does not go up, which it does where 2^24 · (1 − fraction) is above r, rounded
// to an integer as an f32 would be.
fn quantized(word: u32, random: u32) -> u32 {
    let magnitude = min(word & MAGNITUDE, p.clip);
    // NaN, and what is subnormal: far below a chance.
    if (word & MAGNITUDE) > INFINITE || magnitude < HIDDEN_BIT { return 0u; }
    let value = product(scaled_of(magnitude), scaled_of(p.scale));
    if value.exponent < LEAST_EXPONENT { return 0u; }
    // At most 2^23, so that the exponent is 0 at most.
    let places = u32(-value.exponent);
    let whole = select(value.significand >> places, 0u, places >= 24u);
    let fraction = value.significand - (whole << min(places, 24u));
    // 2^24 · fraction, as an integer and what is left of it.
    let down = max(places, 24u) - 24u;
    let chances = fraction << (24u - min(places, 24u));
    let least = chances >> down;
    let rest = chances - (least << down);
    let nearest = rounded(Scaled(least, 0), rest, (1u << down) >> 1u).significand;
    let r = random >> 8u;
    let negative = (word & SIGN) != 0u;
    let away = select(least + u32(rest != 0u) > r, r + nearest >= CHANCES, negative);
    let integer = min(whole + u32(away), p.limit);
    return select(integer, 0u - integer, negative);
}

fn four(words: vec4u, random: vec4u) -> vec4u {
    return vec4u(
        quantized(words.x, random.x),
        quantized(words.y, random.y),
        quantized(words.z, random.z),
        quantized(words.w, random.w),
    );
}

@compute @workgroup_size(WG_SIZE)
fn quantize(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let number = column_of(group, groups, local);
    if 16u * number >= p.cols { return; }
    let count = vec4u(p.first_quad / 4u + number, 0u, 0u, 0u);
    let block = chacha20_block(ChaCha(state[0], state[1], state[2], state[3] + count));
    let random = array(block.a, block.b, block.c, block.d);
    // Rows end with whole sixteens, filled up.
    for (var i = 0u; i < 4u; i++) {
        let quad = 4u * number + i;
        out[quad] = four(x[starts[0] / 4u + quad], random[i]);
    }
}
