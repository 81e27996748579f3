// add_lattice_noise — adds noise from alias tables, driven by ChaCha20, to one row modulo 2^32.
//
// in   x        words, the row starts at starts[0], a multiple of 4
//      starts   1, u32
//      tables   columns of alias tables: a threshold of 96 bits, lowest word first, and the alias
//      program  4 rows of a ChaCha20 state, then for each draw: first column of its table, mask,
//               offset, factor
// out  out      cols, words
//
// One invocation owns four adjacent columns and makes one block for each draw: a row of the block is
// what one column takes. u32 alone, which wraps and is exact on every device. No branch and no loop
// depends on what is drawn, so that time tells nothing of it.

#import columns
#import chacha20

struct Params { draws: u32, cols: u32, first_block: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> tables: array<vec4u>;
@group(0) @binding(3) var<storage, read> program: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(5) var<uniform> p: Params;

const STATE_ROWS: u32 = 4u;

// The value that four random words choose: the column by the first, own value or alias by the others.
fn drawn(random: vec4u, draw: vec4u) -> u32 {
    let column = random.x & draw.y;
    let entry = tables[draw.x + column];
    let less = random.yzw < entry.xyz;
    let same = random.yzw == entry.xyz;
    let below = less.z | (same.z & (less.y | (same.y & less.x)));
    return select(entry.w, column - draw.z, below);
}

@compute @workgroup_size(WG_SIZE)
fn add_lattice_noise(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quad = column_of(group, groups, local);
    if 4u * quad >= p.cols { return; }
    let count = p.first_block + quad;
    var sum = x[starts[0] / 4u + quad];
    for (var level = 0u; level < p.draws; level++) {
        let draw = program[STATE_ROWS + level];
        let last = program[3] + vec4u(count, 0u, 0u, level);
        let block = chacha20_block(ChaCha(program[0], program[1], program[2], last));
        sum += draw.w * vec4u(
            drawn(block.a, draw),
            drawn(block.b, draw),
            drawn(block.c, draw),
            drawn(block.d, draw),
        );
    }
    out[quad] = sum;
}
