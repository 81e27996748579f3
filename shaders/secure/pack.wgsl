// pack — the low bits of words, packed: see packing.ts.
//
// in   x        words, the row starts at starts[0]
//      starts   1, u32
// out  out      packed words, with zeros at their end
//
// One invocation makes one word of the result, of the two to five entries that it has bits of.

#import columns

struct Params { bits: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn pack(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let number = column_of(group, groups, local);
    // 32 entries are `bits` words: which of these it is, and its first bit among them.
    let first = number / p.bits * 32u;
    let begin = number % p.bits * 32u;
    if first + begin / p.bits >= p.cols { return; }
    let mask = 0xffffffffu >> (32u - p.bits);
    var word = 0u;
    for (var k = begin / p.bits; k * p.bits < begin + 32u; k++) {
        let col = first + k;
        if col >= p.cols { break; }
        let value = x[starts[0] + col] & mask;
        let bit = k * p.bits;
        if bit < begin { word |= value >> (begin - bit); } else { word |= value << (bit - begin); }
    }
    out[number] = word;
}
