// pair_sums — adds what slices and lanes of a block have found of each pair, in the order of columns.
//
// in   parts   slices × tiles of this launch × 16 × 256, from pairs
// out  out     blocks × tiles × cells: product and distance, each as high and low part of its sum
//
// One invocation owns one cell: pair number cell / blocks of block cell % blocks of its tile.

#import bits
#import sum
#import triangle

struct Params {
    tiles: u32,
    // Pairs of a tile, 16 for each of its blocks; the same for tiles on the diagonal, where the last
    // ones are left alone.
    cells: u32,
    first_tile: u32,
    tiles_per_side: u32,
    blocks_on: u32,
    blocks_off: u32,
    lanes_on: u32,
    lanes_off: u32,
    slices: u32,
    slices_per_block: u32,
    zero: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(2) var<uniform> p: Params;

const WG_SIZE: u32 = 64;
const PART: u32 = 16u * 256u;

@compute @workgroup_size(WG_SIZE)
fn pair_sums(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let cell = group.y * WG_SIZE + local;
    let tile = group.x;
    let tile_place = place_in_triangle(p.first_tile + tile, p.tiles_per_side);
    let diagonal = tile_place.x == tile_place.y;
    let blocks = select(p.blocks_off, p.blocks_on, diagonal);
    let lanes = select(p.lanes_off, p.lanes_on, diagonal);
    if cell >= 16u * blocks { return; }

    let first = group.z * p.slices_per_block;
    let last = min(p.slices, first + p.slices_per_block);
    var product = Sum();
    var distance = Sum();
    for (var slice = first; slice < last; slice++) {
        let part = (slice * p.tiles + tile) * PART + (cell / blocks) * 256u + cell % blocks;
        for (var lane = 0u; lane < lanes; lane++) {
            let sums = parts[part + lane * blocks];
            product = add_sums(product, Sum(sums.x, sums.y), p.zero);
            distance = add_sums(distance, Sum(sums.z, sums.w), p.zero);
        }
    }
    out[(group.z * p.tiles + tile) * p.cells + cell] =
        vec4f(product.high, product.low, distance.high, distance.low);
}
