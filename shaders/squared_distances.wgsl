// squared_distances — of all pairs of rows of integers in two's complement, exactly.
//
// in   x        words, row i starts at starts[i], a multiple of 4
//      starts   rows, u32
// out  out      blocks × tiles of this pass × side × side × 3, u32, zeros before: low and high word of
//               the sum, and whether it is wrong: WIDE where a row has an entry that is not below
//               2^25 in magnitude, OVER where the sum left 64 bits
//
// A workgroup owns a tile of side × side pairs of one slice, an invocation 4 × 4 of them, as in
// pairs.wgsl: tiles are on or above the diagonal; where blocks of pairs are few, several lanes share
// them, each with every so-manyth column. Four rows of a column lie in workgroup memory as a vector.
//
// A difference is h · 2^13 + l with |h| ≤ 2^13 and 0 ≤ l < 2^13, its square
// h² · 2^26 + h·l · 2^14 + l². Each of the three products is below 2^26 + 1, so that 24 columns are
// added in 32 bits before they go to a sum of 64. That of one invocation has at most 4,096 columns
// and stays below 2^64. Invocations add theirs to the block's atomically: integers, so their order does
// not show.

#import triangle

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
}

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<atomic<u32>>;
@group(0) @binding(3) var<uniform> p: Params;

const WG_SIZE: u32 = 256;
// Columns of a lane at a time, and such runs that are added in 32 bits.
const RUN: u32 = 8;
const RUNS: u32 = 3;

// What an entry may be: an i32 in [−BOUND, BOUND].
const BOUND: u32 = 0x01ffffffu;
const OVER: u32 = 1u;
const WIDE: u32 = 2u;

// 16 KiB. On the diagonal all of it holds the tile's rows, else one half each.
var<workgroup> sh_rows: array<vec4i, 1024>;
const HALF: u32 = 512;

// Sums of products of four pairs.
struct Terms { high: vec4u, cross: vec4i, low: vec4u }

// Sums of 64 bits of four pairs.
struct Sums { low: vec4u, high: vec4u }

fn with_square(terms: Terms, difference: vec4i) -> Terms {
    let h = difference >> vec4u(13u);
    let l = difference & vec4i(0x1fff);
    return Terms(
        terms.high + vec4u(h * h),
        terms.cross + h * l,
        terms.low + vec4u(l * l),
    );
}

fn plus(sums: Sums, low: vec4u, high: vec4u) -> Sums {
    let next = sums.low + low;
    return Sums(next, sums.high + high + vec4u(next < low));
}

fn with_terms(sums: Sums, terms: Terms) -> Sums {
    let high = plus(sums, terms.high << vec4u(26u), terms.high >> vec4u(6u));
    let cross = bitcast<vec4u>(terms.cross << vec4u(14u));
    let both = plus(high, cross, bitcast<vec4u>(terms.cross >> vec4u(18u)));
    return plus(both, terms.low, vec4u());
}

// Which of four rows have an entry that is too large, of one column.
fn too_large(words: vec4u) -> vec4<bool> {
    return words + vec4u(BOUND) > vec4u(2u * BOUND);
}

// Adds what an invocation has found of a pair.
fn put(at: u32, low: u32, high: u32) {
    let next = atomicAdd(&out[at], low) + low;
    // The sum of an invocation is so far below 2^64 that this does not wrap.
    let more = high + u32(next < low);
    if atomicAdd(&out[at + 1u], more) + more < more { atomicOr(&out[at + 2u], OVER); }
}

@compute @workgroup_size(WG_SIZE)
fn squared_distances(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) launched: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let tile_place = place_in_triangle(p.first_tile + group.x, p.tiles_per_side);
    let tile_a = tile_place.x;
    let tile_b = tile_place.y;
    let diagonal = tile_a == tile_b;

    let slice = p.first_slice + group.y;
    let block = slice / p.slices_per_block;
    let begin = block * p.block_cols + (slice % p.slices_per_block) * p.slice_cols;
    let end = min(p.cols, min((block + 1u) * p.block_cols, begin + p.slice_cols));

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

    let nothing = Terms();
    var terms_x = nothing;
    var terms_y = nothing;
    var terms_z = nothing;
    var terms_w = nothing;
    var sums_x = Sums();
    var sums_y = sums_x;
    var sums_z = sums_x;
    var sums_w = sums_x;
    var runs = 0u;
    var wide = vec4<bool>();
    for (var first = begin; first < end; first += chunk) {
        let col = first + task_col;
        if task_col < chunk {
            var a = vec4u();
            var b = vec4u();
            var c = vec4u();
            var d = vec4u();
            if col < end {
                // Rows are padded to whole vectors, so that the last may be read whole.
                let quad = (start + vec4u(col)) / vec4u(4u);
                let inside = vec4u(col) + vec4u(0u, 1u, 2u, 3u) < vec4u(end);
                a = select(vec4u(), x[quad.x], inside & vec4<bool>(present.x));
                b = select(vec4u(), x[quad.y], inside & vec4<bool>(present.y));
                c = select(vec4u(), x[quad.z], inside & vec4<bool>(present.z));
                d = select(vec4u(), x[quad.w], inside & vec4<bool>(present.w));
            }
            let columns = array(
                vec4u(a.x, b.x, c.x, d.x),
                vec4u(a.y, b.y, c.y, d.y),
                vec4u(a.z, b.z, c.z, d.z),
                vec4u(a.w, b.w, c.w, d.w),
            );
            wide |= too_large(columns[0]) | too_large(columns[1]);
            wide |= too_large(columns[2]) | too_large(columns[3]);
            sh_rows[task_place] = bitcast<vec4i>(columns[0]);
            sh_rows[task_place + p.groups] = bitcast<vec4i>(columns[1]);
            sh_rows[task_place + 2u * p.groups] = bitcast<vec4i>(columns[2]);
            sh_rows[task_place + 3u * p.groups] = bitcast<vec4i>(columns[3]);
        }
        // The chunk is complete before any invocation reads it.
        workgroupBarrier();
        let width = min(chunk, end - first);
        if lane < lanes {
            for (var step = lane; step < width; step += RUN * lanes) {
                var at = step * p.groups;
                for (var k = 0u; k < RUN; k++) {
                    let a = sh_rows[at + group_a];
                    let b = sh_rows[place_b + at + group_b];
                    at += lanes * p.groups;
                    terms_x = with_square(terms_x, vec4i(a.x) - b);
                    terms_y = with_square(terms_y, vec4i(a.y) - b);
                    terms_z = with_square(terms_z, vec4i(a.z) - b);
                    terms_w = with_square(terms_w, vec4i(a.w) - b);
                }
                runs++;
                if runs == RUNS {
                    sums_x = with_terms(sums_x, terms_x);
                    sums_y = with_terms(sums_y, terms_y);
                    sums_z = with_terms(sums_z, terms_z);
                    sums_w = with_terms(sums_w, terms_w);
                    terms_x = nothing;
                    terms_y = nothing;
                    terms_z = nothing;
                    terms_w = nothing;
                    runs = 0u;
                }
            }
        }
        // Nobody overwrites the chunk while another invocation still reads it.
        workgroupBarrier();
    }
    let tile_at = 3u * p.side * p.side *
        ((block - p.first_slice / p.slices_per_block) * launched.x + group.x);
    // Rare, and so slow: none of the row's pairs is right.
    for (var k = 0u; k < 4u; k++) {
        if wide[k] { spoil(tile_at, 4u * task_group + k, vec2<bool>(!stages_b, stages_b || diagonal)); }
    }
    if lane >= lanes { return; }
    let cells = Place(tile_a * p.side, tile_b * p.side, 4u * group_a, 4u * group_b, tile_at);
    put_row(cells, 0u, with_terms(sums_x, terms_x));
    put_row(cells, 1u, with_terms(sums_y, terms_y));
    put_row(cells, 2u, with_terms(sums_z, terms_z));
    put_row(cells, 3u, with_terms(sums_w, terms_w));
}

// Marks all pairs of a row that is on the first side of the tile, the second or both.
fn spoil(tile_at: u32, row: u32, sides: vec2<bool>) {
    for (var other = 0u; other < p.side; other++) {
        if sides.x { atomicOr(&out[tile_at + 3u * (row * p.side + other) + 2u], WIDE); }
        if sides.y { atomicOr(&out[tile_at + 3u * (other * p.side + row) + 2u], WIDE); }
    }
}

// Where the pairs of an invocation are: the first row of either side of the tile, the first of its four
// rows on either side, and the tile's pairs in `out`.
struct Place { side_a: u32, side_b: u32, a: u32, b: u32, tile_at: u32 }

fn put_row(place: Place, k: u32, sums: Sums) {
    put_pair(place, vec2u(k, 0u), vec2u(sums.low.x, sums.high.x));
    put_pair(place, vec2u(k, 1u), vec2u(sums.low.y, sums.high.y));
    put_pair(place, vec2u(k, 2u), vec2u(sums.low.z, sums.high.z));
    put_pair(place, vec2u(k, 3u), vec2u(sums.low.w, sums.high.w));
}

// Pairs of rows that are there, the later of which is the second.
fn put_pair(place: Place, which: vec2u, sum: vec2u) {
    let a = place.a + which.x;
    let b = place.b + which.y;
    if place.side_b + b >= p.rows || place.side_a + a >= place.side_b + b { return; }
    put(place.tile_at + 3u * (a * p.side + b), sum.x, sum.y);
}
