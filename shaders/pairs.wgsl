// pairs — for all pairs of rows and each slice of columns: inner product and squared distance.
//
// in   x          words of f32, row i starts at starts[i], a multiple of 4
//      starts     rows, u32
//      units      for each block: of each row, and of each tile of pairs, the power of two that its
//                 entries are divided by; for a tile whose rows go each by their own, GENERAL
// out  out        slices × tiles of this launch × 16 × 256: product and distance, each as high and
//                 low part of its sum; see pair-blocks.ts for what they are scaled by
//
// A workgroup owns a tile of side × side pairs of one slice, an invocation 4 × 4 of them. Tiles are
// on or above the diagonal; on it, only blocks that touch the upper triangle have an invocation. Where
// blocks are few, several lanes of invocations share them, each with every so-manyth column.
//
// Four rows of a column lie in workgroup memory as one vector, neighbouring groups of rows beside
// each other, so that neither reads nor writes collide in a bank. An invocation forms differences
// before it squares: |a|² + |b|² − 2ab would lose rows that are nearly equal, such as those of
// colluders. Rounding: eight terms are added plainly, four such sums to the low part of a compensated
// one. Cost: a multiplication-addition for the product and a subtraction and another one for the
// distance, for each pair and column.
//
// Mostly the rows of a tile are of similar size, and one power of two scales them all. Where they are
// not, each is scaled by its own, and each pair comes to the larger of the two. That takes more
// registers, so it is a pipeline of its own, which leaves the other tiles alone.

#import bits
#import sum
#import triangle

override general: bool = false;

const GENERAL: i32 = 100000;
const WG_SIZE: u32 = 256;
// Columns that are added plainly, and such runs that the low part gathers.
const RUN: u32 = 8;
const RUNS: u32 = 4;

struct Params {
    rows: u32,
    cols: u32,
    block_cols: u32,
    slice_cols: u32,
    slices_per_block: u32,
    // Tiles along a side of all pairs; rows, and groups of four rows, along a side of a tile.
    tiles_per_side: u32,
    side: u32,
    groups: u32,
    // Lanes, and columns in workgroup memory at once, of tiles on the diagonal and beside it.
    lanes_on: u32,
    lanes_off: u32,
    chunk_on: u32,
    chunk_off: u32,
    first_slice: u32,
    first_tile: u32,
    zero: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> units: array<i32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

// 16 KiB. On the diagonal all of it holds the tile's rows, else one half each.
var<workgroup> sh_rows: array<vec4f, 1024>;
const HALF: u32 = 512;

struct Parts { high: vec4f, low: vec4f }

// 2^shift for shift ≤ 127, 0 where that is below the normal range.
fn powers(shift: vec4i) -> vec4f {
    return bitcast<vec4f>(vec4u(max(shift + vec4i(127), vec4i())) << vec4u(23u));
}

// What brings a row of unit `own` to the larger of its unit and each of the others'.
fn down(own: i32, others: vec4i) -> vec4f {
    return powers(vec4i(own) - max(vec4i(own), others));
}

// Of four rows from `row` on, those of the last row beyond it.
fn units_of(first: u32, row: u32) -> vec4i {
    let at = vec4u(first) + min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(p.rows - 1u));
    return vec4i(units[at.x], units[at.y], units[at.z], units[at.w]);
}

fn opaque_vector(values: vec4f) -> vec4f {
    return bitcast<vec4f>(bitcast<vec4u>(values) ^ vec4u(p.zero));
}

// Passes on to the high part what the low part has gathered, and keeps what that rounds off.
fn settled(high: vec4f, low: vec4f) -> Parts {
    let next = opaque_vector(high + low);
    if !compensated { return Parts(next, vec4f()); }
    return Parts(next, low - opaque_vector(next - high));
}

// Four columns of a row, scaled, what is not finite as 0: the host knows those rows. A float
// multiplication may flush subnormal words, so they are counted as integers, in units of `tiny`.
fn scaled_words(words: vec4u, factor: f32, tiny: f32) -> vec4f {
    let field = words & vec4u(INFINITE);
    let finite = select(words, vec4u(), field == vec4u(INFINITE));
    let fraction = vec4f(finite & vec4u(0x007fffffu)) * tiny;
    let small = bitcast<vec4f>(bitcast<vec4u>(fraction) | (finite & vec4u(SIGN)));
    return select(bitcast<vec4f>(finite) * factor, small, field == vec4u());
}

@compute @workgroup_size(WG_SIZE)
fn pairs(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) launched: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = p.first_tile + group.x;
    let tile_place = place_in_triangle(tile, p.tiles_per_side);
    let tile_a = tile_place.x;
    let tile_b = tile_place.y;
    let diagonal = tile_a == tile_b;
    let tiles = p.tiles_per_side * (p.tiles_per_side + 1u) / 2u;

    let slice = p.first_slice + group.y;
    let block = slice / p.slices_per_block;
    let begin = block * p.block_cols + (slice % p.slices_per_block) * p.slice_cols;
    let end = min(p.cols, min((block + 1u) * p.block_cols, begin + p.slice_cols));

    let first_unit = block * (p.rows + tiles);
    let shared_unit = units[first_unit + p.rows + tile];
    if general != (shared_unit == GENERAL) { return; }

    // Which block of pairs, and which columns of it, are this invocation's.
    let lanes = select(p.lanes_off, p.lanes_on, diagonal);
    let chunk = select(p.chunk_off, p.chunk_on, diagonal);
    let blocks = select(p.groups * p.groups, p.groups * (p.groups + 1u) / 2u, diagonal);
    let lane = local / blocks;
    let number = local % blocks;
    var place = vec2u(number / p.groups, number % p.groups);
    if diagonal { place = place_in_triangle(number, p.groups); }
    let group_a = place.x;
    let group_b = place.y;
    let place_b = select(HALF, 0u, diagonal);

    // Which four rows and four columns of a chunk this invocation brings.
    let stages_b = !diagonal && local >= WG_SIZE / 2u;
    let task = select(local % (WG_SIZE / 2u), local, diagonal);
    let task_group = task % p.groups;
    let task_col = 4u * (task / p.groups);
    let task_row = select(tile_a, tile_b, stages_b) * p.side + 4u * task_group;
    let task_place = select(0u, HALF, stages_b) + task_col * p.groups + task_group;
    let rows = vec4u(task_row) + vec4u(0u, 1u, 2u, 3u);
    let present = rows < vec4u(p.rows);
    let near = min(rows, vec4u(p.rows - 1u));
    let start = vec4u(starts[near.x], starts[near.y], starts[near.z], starts[near.w]);
    var shift = vec4i(-shared_unit);
    if general { shift = -units_of(first_unit, task_row); }
    let factor = powers(shift);
    let tiny = powers(shift - vec4i(149));

    // How the rows of a pair come to the larger of their scales.
    var to_a = mat4x4f();
    var to_b = mat4x4f();
    if general {
        let a = units_of(first_unit, tile_a * p.side + 4u * group_a);
        let b = units_of(first_unit, tile_b * p.side + 4u * group_b);
        to_a = mat4x4f(down(a.x, b), down(a.y, b), down(a.z, b), down(a.w, b));
        to_b = transpose(mat4x4f(down(b.x, a), down(b.y, a), down(b.z, a), down(b.w, a)));
    }

    var product_high = mat4x4f();
    var product_low = mat4x4f();
    var distance_high = mat4x4f();
    var distance_low = mat4x4f();
    var runs = 0u;
    for (var first = begin; first < end; first += chunk) {
        let col = first + task_col;
        if task_col < chunk {
            var words = mat4x4f();
            if col < end {
                // All loads are under way before the first is waited for. Rows are padded to whole
                // vectors, so that the last may be read whole.
                let quad = (start + vec4u(col)) / vec4u(4u);
                let words_a = x[quad.x];
                let words_b = x[quad.y];
                let words_c = x[quad.z];
                let words_d = x[quad.w];
                let inside = vec4u(col) + vec4u(0u, 1u, 2u, 3u) < vec4u(end);
                words[0] = scaled_words(
                    select(vec4u(), words_a, inside & vec4<bool>(present.x)), factor.x, tiny.x,
                );
                words[1] = scaled_words(
                    select(vec4u(), words_b, inside & vec4<bool>(present.y)), factor.y, tiny.y,
                );
                words[2] = scaled_words(
                    select(vec4u(), words_c, inside & vec4<bool>(present.z)), factor.z, tiny.z,
                );
                words[3] = scaled_words(
                    select(vec4u(), words_d, inside & vec4<bool>(present.w)), factor.w, tiny.w,
                );
            }
            let columns = transpose(words);
            sh_rows[task_place] = columns[0];
            sh_rows[task_place + p.groups] = columns[1];
            sh_rows[task_place + 2u * p.groups] = columns[2];
            sh_rows[task_place + 3u * p.groups] = columns[3];
        }
        // The chunk is complete before any invocation reads it.
        workgroupBarrier();
        let width = min(chunk, end - first);
        if lane < lanes {
            for (var step = lane; step < width; step += RUN * lanes) {
                var product = mat4x4f();
                var distance = mat4x4f();
                var at = step * p.groups;
                for (var k = 0u; k < RUN; k++) {
                    let a = sh_rows[at + group_a];
                    let b = sh_rows[place_b + at + group_b];
                    at += lanes * p.groups;
                    product[0] = fma(vec4f(a.x), b, product[0]);
                    product[1] = fma(vec4f(a.y), b, product[1]);
                    product[2] = fma(vec4f(a.z), b, product[2]);
                    product[3] = fma(vec4f(a.w), b, product[3]);
                    var away_x = a.x - b;
                    var away_y = a.y - b;
                    var away_z = a.z - b;
                    var away_w = a.w - b;
                    if general {
                        away_x = a.x * to_a[0] - b * to_b[0];
                        away_y = a.y * to_a[1] - b * to_b[1];
                        away_z = a.z * to_a[2] - b * to_b[2];
                        away_w = a.w * to_a[3] - b * to_b[3];
                    }
                    distance[0] = fma(away_x, away_x, distance[0]);
                    distance[1] = fma(away_y, away_y, distance[1]);
                    distance[2] = fma(away_z, away_z, distance[2]);
                    distance[3] = fma(away_w, away_w, distance[3]);
                }
                product_low += product;
                distance_low += distance;
                runs++;
                if runs % RUNS == 0u {
                    settle(&product_high, &product_low);
                    settle(&distance_high, &distance_low);
                }
            }
        }
        // Nobody overwrites the chunk while another invocation still reads it.
        workgroupBarrier();
    }
    if lane >= lanes { return; }
    settle(&product_high, &product_low);
    settle(&distance_high, &distance_low);
    let cell = (group.y * launched.x + group.x) * 16u * WG_SIZE + local;
    write(cell, product_high[0], product_low[0], distance_high[0], distance_low[0]);
    write(cell + 4u * WG_SIZE, product_high[1], product_low[1], distance_high[1], distance_low[1]);
    write(cell + 8u * WG_SIZE, product_high[2], product_low[2], distance_high[2], distance_low[2]);
    write(cell + 12u * WG_SIZE, product_high[3], product_low[3], distance_high[3], distance_low[3]);
}

// The pairs of one row. No loop: what is indexed by a variable leaves the registers.
fn write(at: u32, product_high: vec4f, product_low: vec4f, distance_high: vec4f, distance_low: vec4f) {
    let cells = transpose(mat4x4f(product_high, product_low, distance_high, distance_low));
    out[at] = cells[0];
    out[at + WG_SIZE] = cells[1];
    out[at + 2u * WG_SIZE] = cells[2];
    out[at + 3u * WG_SIZE] = cells[3];
}

fn settle(high: ptr<function, mat4x4f>, low: ptr<function, mat4x4f>) {
    let a = settled((*high)[0], (*low)[0]);
    let b = settled((*high)[1], (*low)[1]);
    let c = settled((*high)[2], (*low)[2]);
    let d = settled((*high)[3], (*low)[3]);
    *high = mat4x4f(a.high, b.high, c.high, d.high);
    *low = mat4x4f(a.low, b.low, c.low, d.low);
}
