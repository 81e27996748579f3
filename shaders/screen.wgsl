// screen — for each row and block of columns: entries that are NaN or infinite, the largest exponent
// of the others, the sum of their squares, and the fingerprint of all.
//
// in   x        words of f32, row i starts at starts[i], a multiple of 4
//      starts   rows, u32
// out  out      blocks × rows, see Look
//
// A workgroup owns four rows of one block of columns, a multiple of 4, and reads each entry once.
// What is looked at twice, for its size and for its square, lies in registers. Four rows share the
// numbers of their columns, which take more integer operations than the rest. A short last group
// reads its last row again, from cache, and does not write it twice.
//
// Finiteness is told by the bits: a shader may assume that a float is finite, never that a word is.
// Why words and columns enter the fingerprint so stands in fingerprint.ts.

#import bits
#import sum

struct Params { rows: u32, cols: u32, block_cols: u32, first_col: u32, first_block: u32, zero: u32 }

struct Look {
    non_finite: u32,
    // NO_EXPONENT if there is no finite entry but zeros.
    exponent: i32,
    // Sum of squares in two parts, of values times 2^shift_of(exponent).
    high: f32,
    low: f32,
    print: vec2u,
}

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<Look>;
@group(0) @binding(3) var<uniform> p: Params;

const WG_SIZE: u32 = 256;
const GROUP_ROWS: u32 = 4;
// Values are scaled to below 2^(HEADROOM + 1): 65,536 squares end below 2^78. Rows whose exponent is
// below −96 are scaled by the largest factor there is; squares of their least entries are 2^-46.
const HEADROOM: i32 = 30;
const MAX_SHIFT: i32 = 126;
// Magnitude of the first exponent that is scaled by less: 2^-95.
const FIRST_LIMIT: u32 = 32u << 23u;

// What an invocation has seen of a row.
struct Seen {
    non_finite: u32,
    // Largest magnitude among finite words.
    largest: u32,
    // The first magnitude of the next larger exponent: there the sum is scaled anew.
    limit: u32,
    shift: i32,
    sum: Sum,
    print: vec2u,
}

var<workgroup> sh_sums: array<vec4u, WG_SIZE>;
var<workgroup> sh_prints: array<vec2u, WG_SIZE>;

fn mix(words: vec4u) -> vec4u {
    var h = words;
    h = (h ^ (h >> vec4u(16u))) * 0x85ebca6bu;
    h = (h ^ (h >> vec4u(13u))) * 0xc2b2ae35u;
    return h ^ (h >> vec4u(16u));
}

fn total_of(words: vec4u) -> u32 {
    return (words.x + words.y) + (words.z + words.w);
}

fn shift_of(top: i32) -> i32 {
    return min(HEADROOM - top, MAX_SHIFT);
}

// Entries beyond the end are zeros, and zeros change nothing.
fn with_words(before: Seen, words: vec4u, low_numbers: vec4u, high_numbers: vec4u) -> Seen {
    var seen = before;
    let folded = words ^ (words >> vec4u(15u));
    seen.print += vec2u(total_of(folded * low_numbers), total_of(folded * high_numbers));
    let magnitudes = words & vec4u(MAGNITUDE);
    let finite = magnitudes < vec4u(INFINITE);
    seen.non_finite += total_of(select(vec4u(1u), vec4u(), finite));
    let kept = select(vec4u(), magnitudes, finite);
    let largest = max(max(kept.x, kept.y), max(kept.z, kept.w));
    seen.largest = max(seen.largest, largest);
    if largest >= seen.limit {
        let shift = shift_of(exponent(largest));
        let factor = power(2 * (shift - seen.shift));
        seen.sum = Sum(seen.sum.high * factor, seen.sum.low * factor);
        seen.shift = shift;
        seen.limit = ((largest >> 23u) + 1u) << 23u;
    }
    // A float multiplication may flush subnormal words, so they are multiplied as integers.
    let subnormal = kept < vec4u(0x00800000u);
    let small = vec4f(kept) * power(seen.shift - 149);
    let values = select(bitcast<vec4f>(kept) * power(seen.shift), small, subnormal);
    let squares = values * values;
    seen.sum = add(seen.sum, (squares.x + squares.y) + (squares.z + squares.w), p.zero);
    return seen;
}

fn words_at(start: u32, col: u32, end: u32) -> vec4u {
    let words = x[(start + col) / 4u];
    if col + 4u <= end { return words; }
    return select(vec4u(), words, vec4u(col) + vec4u(0u, 1u, 2u, 3u) < vec4u(end));
}

fn joined_looks(a: Look, b: Look) -> Look {
    let top = max(a.exponent, b.exponent);
    let to_a = power(2 * (shift_of(top) - shift_of(a.exponent)));
    let to_b = power(2 * (shift_of(top) - shift_of(b.exponent)));
    let sum = add_sums(
        Sum(a.high * to_a, a.low * to_a), Sum(b.high * to_b, b.low * to_b), p.zero,
    );
    return Look(a.non_finite + b.non_finite, top, sum.high, sum.low, a.print + b.print);
}

fn keep(local: u32, look: Look) {
    sh_sums[local] = vec4u(
        look.non_finite, bitcast<u32>(look.exponent), bitcast<u32>(look.high), bitcast<u32>(look.low),
    );
    sh_prints[local] = look.print;
}

fn kept(local: u32) -> Look {
    let sums = sh_sums[local];
    return Look(
        sums.x, bitcast<i32>(sums.y), bitcast<f32>(sums.z), bitcast<f32>(sums.w), sh_prints[local],
    );
}

// Folds what the invocations have seen of a row, in an order that depends on nothing, and writes it.
fn finish(seen: Seen, row: u32, block: u32, local: u32) {
    var look = Look(
        seen.non_finite, exponent(seen.largest), seen.sum.high, seen.sum.low, seen.print,
    );
    // Nobody overwrites the previous row's while another invocation still reads it.
    workgroupBarrier();
    keep(local, look);
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        // Both halves are written before one is folded into the other.
        workgroupBarrier();
        if local < half {
            look = joined_looks(look, kept(local + half));
            keep(local, look);
        }
    }
    if local == 0u { out[block * p.rows + row] = look; }
}

@compute @workgroup_size(WG_SIZE)
fn screen(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = p.first_block + group.y;
    let begin = block * p.block_cols;
    let end = min(p.cols, begin + p.block_cols);
    let row = group.x * GROUP_ROWS;
    let last = p.rows - 1u;
    let start_a = starts[row];
    let start_b = starts[min(row + 1u, last)];
    let start_c = starts[min(row + 2u, last)];
    let start_d = starts[min(row + 3u, last)];

    let nothing = Seen(0u, 0u, FIRST_LIMIT, MAX_SHIFT, Sum(), vec2u());
    var a = nothing;
    var b = nothing;
    var c = nothing;
    var d = nothing;
    for (var col = begin + 4u * local; col < end; col += 4u * WG_SIZE) {
        // All loads are under way before the first is waited for.
        var words_a = words_at(start_a, col, end);
        var words_b = words_at(start_b, col, end);
        var words_c = words_at(start_c, col, end);
        var words_d = words_at(start_d, col, end);
        let place = vec4u(p.first_col + col) + vec4u(0u, 1u, 2u, 3u);
        let low_numbers = mix(place * 0x9e3779b1u) | vec4u(1u);
        let high_numbers = mix(place * 0x85ebca77u) | vec4u(1u);
        // Rows take turns in a loop of one body, since some compilers are slow with four; where it is
        // unrolled, moves go away. An index would take the rows out of the registers.
        for (var k = 0u; k < GROUP_ROWS; k++) {
            let seen = with_words(a, words_a, low_numbers, high_numbers);
            a = b;
            b = c;
            c = d;
            d = seen;
            words_a = words_b;
            words_b = words_c;
            words_c = words_d;
        }
    }
    for (var k = 0u; k < min(GROUP_ROWS, p.rows - row); k++) {
        finish(a, row + k, block, local);
        a = b;
        b = c;
        c = d;
    }
}
