// unpack — entries of fewer than 32 bits out of packed rows: see packing.ts.
//
// in   x        packed words, row i starts at starts[i]
//      starts   rows, u32
// out  out      rows × stride, words
//
// One invocation owns four adjacent columns of all rows.

#import columns

struct Params { bits: u32, cols: u32, rows: u32, stride: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(3) var<uniform> p: Params;

// The entry of a column. 32 of them are `bits` words, so that no number of bits leaves u32.
fn entry(start: u32, col: u32) -> u32 {
    let bit = col % 32u * p.bits;
    let at = start + col / 32u * p.bits + bit / 32u;
    let shift = bit % 32u;
    var value = x[at] >> shift;
    if shift + p.bits > 32u { value |= x[at + 1u] << (32u - shift); }
    return value & (0xffffffffu >> (32u - p.bits));
}

@compute @workgroup_size(WG_SIZE)
fn unpack(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quad = column_of(group, groups, local);
    let col = 4u * quad;
    if col >= p.cols { return; }
    for (var row = 0u; row < p.rows; row++) {
        let start = starts[row];
        let words = vec4u(
            entry(start, col),
            entry(start, col + 1u),
            entry(start, col + 2u),
            entry(start, col + 3u),
        );
        out[row * (p.stride / 4u) + quad] = words;
    }
}
