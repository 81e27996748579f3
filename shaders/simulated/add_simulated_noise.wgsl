// add_simulated_noise — adds continuous noise, driven by ChaCha20, to one row. For simulation alone: it
// is not private.
//
// in   x        f32, the row starts at starts[0], a multiple of 4
//      starts   1, u32
//      state    4 rows of a ChaCha20 state
// out  out      cols, f32
//
// One invocation owns four adjacent columns and one block: a row of the block is what one column takes,
// and of it the first two words.

#import columns
#import chacha20

struct Params { laplace: u32, cols: u32, scale: u32, first_block: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> state: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

// The bits of the root of 1/2: what is above it, up to the root of 2, has the exponent 0 here.
const ROOT_HALF = vec4u(0x3f3504f3u);

// -ln(n/2^24), where n is one more than the upper 24 bits: n = m * 2^e with m from the root of 1/2 to
// that of 2, and ln m = 2 artanh((m - 1)/(m + 1)), by its series.
fn minus_log(words: vec4u) -> vec4f {
    let bits = bitcast<vec4u>(vec4f((words >> vec4u(8u)) + 1u)) - ROOT_HALF;
    let m = bitcast<vec4f>((bits & vec4u(0x7fffffu)) + ROOT_HALF);
    let s = (m - 1.0) / (m + 1.0);
    let t = s * s;
    let series = s * (2.0 + t * (2.0 / 3.0 + t * (2.0 / 5.0 + t * (2.0 / 7.0 + t * (2.0 / 9.0)))));
    return (24.0 - vec4f(bits >> vec4u(23u))) * 0.69314718 - series;
}

// cos(2 pi v), v the upper 24 bits over 2^24, as sin(pi/2 * c) with c = |4 v - 2| - 1, which is exact.
// By Taylor's series: the built-in may be off by 2^-11.
fn cosine(words: vec4u) -> vec4f {
    let c = abs(vec4f(words >> vec4u(8u)) * 0x1p-22 - 2.0) - 1.0;
    let t = c * c;
    let tail = -4.6817541e-3 + t * (1.6044118e-4 - t * 3.5988432e-6);
    return c * (1.5707964 + t * (-0.6459641 + t * (0.079692626 + t * tail)));
}

@compute @workgroup_size(WG_SIZE)
fn add_simulated_noise(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quad = column_of(group, groups, local);
    if 4u * quad >= p.cols { return; }
    let count = vec4u(p.first_block + quad, 0u, 0u, 0u);
    let block = chacha20_block(ChaCha(state[0], state[1], state[2], state[3] + count));
    let size = minus_log(vec4u(block.a.x, block.b.x, block.c.x, block.d.x));
    let second = vec4u(block.a.y, block.b.y, block.c.y, block.d.y);
    var drawn = sqrt(2.0 * size) * cosine(second);
    if p.laplace == 1u { drawn = select(size, -size, second >= vec4u(0x80000000u)); }
    out[quad] = x[starts[0] / 4u + quad] + bitcast<f32>(p.scale) * drawn;
}
