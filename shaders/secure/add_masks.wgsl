// add_masks — adds ChaCha20 streams to one row modulo 2^32, or subtracts them.
//
// in   keys     two rows of a ChaCha20 state for each stream, those of streams to add first
// io   out      cols, words: the row, to which sums of streams are added
//
// One invocation makes one block, that of sixteen adjacent columns, of each of EACH streams, sums them
// up in registers and adds the sum: streams are never in memory. Workgroups lie along the columns, and
// across slices of the streams; sums of slices meet atomically, and since u32 wraps, their order does
// not show. No branch and no address depends on a key.

#import chacha20

struct Params {
    count: u32,
    added: u32,
    blocks: u32,
    first_block: u32,
    each: u32,
    first_group: u32,
    first_slice: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> out: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> p: Params;

const WG_SIZE: u32 = 64u;
const CONSTANTS = vec4u(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u);

fn add(at: u32, words: vec4u) {
    atomicAdd(&out[at], words.x);
    atomicAdd(&out[at + 1u], words.y);
    atomicAdd(&out[at + 2u], words.z);
    atomicAdd(&out[at + 3u], words.w);
}

@compute @workgroup_size(WG_SIZE)
fn add_masks(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = (p.first_group + group.x) * WG_SIZE + local;
    if block >= p.blocks { return; }
    let last = vec4u(p.first_block + block, 0u, 0u, 0u);
    var sum = ChaCha();
    let first = (p.first_slice + group.y) * p.each;
    for (var k = first; k < min(p.count, first + p.each); k++) {
        let stream = chacha20_block(ChaCha(CONSTANTS, keys[2u * k], keys[2u * k + 1u], last));
        // 1 or −1
        let sign = select(0xffffffffu, 1u, k < p.added);
        sum.a += sign * stream.a;
        sum.b += sign * stream.b;
        sum.c += sign * stream.c;
        sum.d += sign * stream.d;
    }
    add(16u * block, sum.a);
    add(16u * block + 4u, sum.b);
    add(16u * block + 8u, sum.c);
    add(16u * block + 12u, sum.d);
}
