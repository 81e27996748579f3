// pairs — for all pairs of rows and each slice of columns: inner product and squared distance.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
//      screen   blocks × rows, count and exponent, from count_non_finite
// out  out      slices × tiles × 256 pairs; see Pair
//
// A workgroup owns 16 × 16 pairs of one slice; only tiles on or above the diagonal are dispatched.
// Rows are staged chunk by chunk, each divided by its largest power of two in the block, non-finite
// entries as 0 (the host knows their rows). An invocation brings its two rows to the larger of their
// scales and forms differences first: |a|² + |b|² − 2ab would lose near-identical rows. Within a
// chunk four plain sums of eight terms, across chunks a compensated one.

#import bits
#import sum

const SIDE: u32 = 16;
const CHUNK: u32 = 32;
// One more than CHUNK, so that rows start in different banks.
const PITCH: u32 = 33;

struct Params {
    rows: u32,
    cols: u32,
    block_cols: u32,
    slice_cols: u32,
    slices_per_block: u32,
    tiles_per_side: u32,
    zero: u32,
}

// The true product is 2^(e_i + e_j) times its sum, the true distance 4^max(e_i, e_j) times its.
struct Pair {
    product: vec2f,
    distance: vec2f,
    // Whether any two words differ: a distance of 0 may be one that vanished.
    differs: u32,
    pad: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> screen: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> out: array<Pair>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> sh_a: array<f32, 528>;
var<workgroup> sh_b: array<f32, 528>;
var<workgroup> sh_a_word: array<u32, 528>;
var<workgroup> sh_b_word: array<u32, 528>;

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
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) local_index: u32,
) {
    // Tile number → (row of tiles, column of tiles), counted along the rows of the upper triangle.
    var tile_a = 0u;
    var tile_b = group.x;
    while tile_b >= p.tiles_per_side - tile_a {
        tile_b -= p.tiles_per_side - tile_a;
        tile_a++;
    }
    tile_b += tile_a;
    let slice = group.y;
    let block = slice / p.slices_per_block;
    let begin = block * p.block_cols + (slice % p.slices_per_block) * p.slice_cols;
    let to = min(p.cols, min((block + 1u) * p.block_cols, begin + p.slice_cols));

    let top_a = top_of(tile_a * SIDE + local.y, block);
    let top_b = top_of(tile_b * SIDE + local.x, block);
    let top = max(top_a, top_b);
    let scale_a = down(top_a - top);
    let scale_b = down(top_b - top);

    var product = Sum(0.0, 0.0);
    var distance = Sum(0.0, 0.0);
    var differs = 0u;
    for (var chunk = begin; chunk < to; chunk += CHUNK) {
        for (var k = local_index; k < SIDE * CHUNK; k += SIDE * SIDE) {
            let row = k / CHUNK;
            let col = chunk + k % CHUNK;
            let place = row * PITCH + k % CHUNK;
            let a = stage(tile_a * SIDE + row, col, to);
            let b = stage(tile_b * SIDE + row, col, to);
            sh_a_word[place] = a;
            sh_b_word[place] = b;
            sh_a[place] = normalized(a, top_of(tile_a * SIDE + row, block));
            sh_b[place] = normalized(b, top_of(tile_b * SIDE + row, block));
        }
        // The chunk is complete before any invocation reads it.
        workgroupBarrier();
        var products = vec4f(0.0);
        var distances = vec4f(0.0);
        for (var k = 0u; k < CHUNK; k += 4u) {
            let ia = local.y * PITCH + k;
            let ib = local.x * PITCH + k;
            let a = vec4f(sh_a[ia], sh_a[ia + 1u], sh_a[ia + 2u], sh_a[ia + 3u]);
            let b = vec4f(sh_b[ib], sh_b[ib + 1u], sh_b[ib + 2u], sh_b[ib + 3u]);
            let wa = vec4u(sh_a_word[ia], sh_a_word[ia + 1u], sh_a_word[ia + 2u], sh_a_word[ia + 3u]);
            let wb = vec4u(sh_b_word[ib], sh_b_word[ib + 1u], sh_b_word[ib + 2u], sh_b_word[ib + 3u]);
            let difference = a * scale_a - b * scale_b;
            products += a * b;
            distances += difference * difference;
            differs |= u32(any(wa != wb));
        }
        product = add(product, (products.x + products.y) + (products.z + products.w), p.zero);
        distance = add(distance, (distances.x + distances.y) + (distances.z + distances.w), p.zero);
        // Nobody overwrites the chunk while another invocation still reads it.
        workgroupBarrier();
    }
    let tiles = p.tiles_per_side * (p.tiles_per_side + 1u) / 2u;
    let cell = (slice * tiles + group.x) * SIDE * SIDE + local.y * SIDE + local.x;
    out[cell] = Pair(
        vec2f(product.high, product.low),
        vec2f(distance.high, distance.low),
        differs,
        0u,
    );
}

fn stage(row: u32, col: u32, to: u32) -> u32 {
    if row >= p.rows || col >= to { return 0u; }
    return x[starts[row] + col];
}

fn normalized(word: u32, top: i32) -> f32 {
    if !is_finite(word) { return 0.0; }
    return scaled(word, -top);
}
