// pairs — for all pairs of rows and each slice of columns: inner product and squared distance.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
//      screen   blocks × rows, count and exponent, from count_non_finite
// out  out      slices × tiles of this launch × 256 pairs: product and distance, each as high and low part of its sum;
//               the true product is 2^(e_i + e_j) times its sum, the true distance 4^max(e_i, e_j) times
//
// A workgroup owns 16 × 16 pairs of one slice; only tiles on or above the diagonal are dispatched, and
// of these as many at once as the result has room for.
// Rows are staged chunk by chunk, each divided by its largest power of two in the block, non-finite
// entries as 0 (the host knows their rows). An invocation brings its two rows to the larger of their
// scales and forms differences first: |a|² + |b|² − 2ab would lose near-identical rows. Within a
// chunk eight plain sums of eight terms, across chunks a compensated one.

#import bits
#import sum

const SIDE: u32 = 16;
const CHUNK: u32 = 64;
// One more than CHUNK, so that rows start in different banks.
const PITCH: u32 = 65;

struct Params {
    rows: u32,
    cols: u32,
    block_cols: u32,
    slice_cols: u32,
    slices_per_block: u32,
    tiles_per_side: u32,
    first_slice: u32,
    first_tile: u32,
    zero: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> screen: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

// SIDE × PITCH
var<workgroup> sh_a: array<f32, 1040>;
var<workgroup> sh_b: array<f32, 1040>;

fn top_of(row: u32, block: u32) -> i32 {
    if row >= p.rows { return NO_EXPONENT; }
    return bitcast<i32>(screen[block * p.rows + row].y);
}

// 2^shift for shift ≤ 0, 0 where that is below the normal range.
fn down(shift: i32) -> f32 {
    return scaled(0x3f800000u, shift);
}

@compute @workgroup_size(SIDE, SIDE)
fn pairs(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) local_index: u32,
) {
    // Tile number → (row of tiles, column of tiles), counted along the rows of the upper triangle.
    var tile_a = 0u;
    var tile_b = p.first_tile + group.x;
    while tile_b >= p.tiles_per_side - tile_a {
        tile_b -= p.tiles_per_side - tile_a;
        tile_a++;
    }
    tile_b += tile_a;
    let slice = p.first_slice + group.y;
    let block = slice / p.slices_per_block;
    let begin = block * p.block_cols + (slice % p.slices_per_block) * p.slice_cols;
    let end = min(p.cols, min((block + 1u) * p.block_cols, begin + p.slice_cols));

    let top_a = top_of(tile_a * SIDE + local.y, block);
    let top_b = top_of(tile_b * SIDE + local.x, block);
    let top = max(top_a, top_b);
    let scale_a = down(top_a - top);
    let scale_b = down(top_b - top);

    var product = Sum(0.0, 0.0);
    var distance = Sum(0.0, 0.0);
    for (var chunk = begin; chunk < end; chunk += CHUNK) {
        for (var k = local_index; k < SIDE * CHUNK; k += SIDE * SIDE) {
            let row = k / CHUNK;
            let col = chunk + k % CHUNK;
            let place = row * PITCH + k % CHUNK;
            sh_a[place] = staged(tile_a * SIDE + row, block, col, end);
            sh_b[place] = staged(tile_b * SIDE + row, block, col, end);
        }
        // The chunk is complete before any invocation reads it.
        workgroupBarrier();
        for (var half = 0u; half < CHUNK; half += CHUNK / 2u) {
            var products = vec4f(0.0);
            var distances = vec4f(0.0);
            for (var k = half; k < half + CHUNK / 2u; k += 4u) {
                let i = local.y * PITCH + k;
                let j = local.x * PITCH + k;
                let a = vec4f(sh_a[i], sh_a[i + 1u], sh_a[i + 2u], sh_a[i + 3u]);
                let b = vec4f(sh_b[j], sh_b[j + 1u], sh_b[j + 2u], sh_b[j + 3u]);
                let difference = a * scale_a - b * scale_b;
                products += a * b;
                distances += difference * difference;
            }
            product = add(product, total_of(products), p.zero);
            distance = add(distance, total_of(distances), p.zero);
        }
        // Nobody overwrites the chunk while another invocation still reads it.
        workgroupBarrier();
    }
    let cell = (group.y * groups.x + group.x) * SIDE * SIDE + local.y * SIDE + local.x;
    out[cell] = vec4f(product.high, product.low, distance.high, distance.low);
}

fn total_of(sums: vec4f) -> f32 {
    return (sums.x + sums.y) + (sums.z + sums.w);
}

fn staged(row: u32, block: u32, col: u32, end: u32) -> f32 {
    if row >= p.rows || col >= end { return 0.0; }
    let word = x[starts[row] + col];
    if !is_finite(word) { return 0.0; }
    return scaled(word, -top_of(row, block));
}
