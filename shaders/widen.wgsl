// widen — entries of half precision become words of f32, exactly: subnormals, infinities, the bits
// of NaN.
//
// in   halves   two entries in each word, the lower half first
// out  out      words of f32; the first stands at 4 · p.begin
//
// An invocation makes four entries; up to three after the last lie between rows. All is done with
// integers: unpack2x16float may flush what is subnormal. The same on the host: dtype.ts.

struct Params { begin: u32, quads: u32, brain: u32 }

@group(0) @binding(0) var<storage, read> halves: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(2) var<uniform> p: Params;

const WG_SIZE: u32 = 256;

// The word of a binary16 number.
fn widened(half: u32) -> u32 {
    let sign = (half & 0x8000u) << 16u;
    let rest = half & 0x7fffu;
    if rest >= 0x7c00u { return sign | 0x7f800000u | (rest << 13u); }
    // The bias of the exponent grows from 15 to 127.
    if rest >= 0x0400u { return sign | ((rest << 13u) + (112u << 23u)); }
    if rest == 0u { return sign; }
    // A multiple of 2^-24, normal in f32: its first bit becomes the implicit one.
    let first = firstLeadingBit(rest);
    return sign | ((first + 103u) << 23u) | ((rest << (23u - first)) & 0x007fffffu);
}

fn widened_pair(word: u32) -> vec2u {
    // bfloat16 is the upper half of a binary32.
    if p.brain == 1u { return vec2u(word << 16u, word & 0xffff0000u); }
    return vec2u(widened(word & 0xffffu), widened(word >> 16u));
}

@compute @workgroup_size(WG_SIZE)
fn widen(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quad = (group.y * groups.x + group.x) * WG_SIZE + local;
    if quad >= p.quads { return; }
    let words = halves[quad];
    out[p.begin + quad] = vec4u(widened_pair(words.x), widened_pair(words.y));
}
