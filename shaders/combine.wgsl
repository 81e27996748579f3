// combine — weights · x: every row of the result is a weighted sum of rows of x.
//
// in   x        words of f32, row i starts at starts[i], a multiple of 4
//      starts   rows, u32
//      factors  for each group of OUTPUTS results: exponents (i32) and floors (f32) of the four, then
//               for each row its four factors (f32); the weight is 2^exponent times the factor
//      weights  outputs × rows, mantissa (f32 word) and exponent (i32)
// out  out      outputs × stride, words of f32
//
// One invocation owns four adjacent columns of OUTPUTS results and reads each row once. Factors are at
// most 2, so that nothing overflows where values stay below 2^96; and nothing that matters vanishes
// where some term reaches the floor, 2^−80: what a device may flush, of 2^20 rows, is below 2^−25 of
// that. (Where factors themselves would be flushed, the floor is out of reach.) For an entry of which
// neither is sure, a second look finds the largest term's exponent, and a third adds the terms, all
// scaled by it.

#import bits
#import sum
#import sums
#import columns

struct Params { rows: u32, cols: u32, stride: u32, outputs: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> factors: array<vec4u>;
@group(0) @binding(3) var<storage, read> weights: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(5) var<uniform> p: Params;

// Results of one invocation, at most 4.
override OUTPUTS: u32 = 1;

// The word of 2^96.
const LARGE: u32 = 0x6f800000u;

// Where the entries of a group of results go.
struct Target { first: u32, col: u32 }

// Writes the entries of result `k` and tells those that need another look, as bits 4k, …, 4k + 3.
fn write(sums: Sums, largest: vec4u, header: vec2u, place: Target, k: u32) -> u32 {
    let output = place.first + k;
    if output >= p.outputs { return 0u; }
    let shift = bitcast<i32>(header.x);
    let values = sums.high + sums.low;
    out[(output * p.stride + place.col) / 4u] = vec4u(
        joined(values.x, shift),
        joined(values.y, shift),
        joined(values.z, shift),
        joined(values.w, shift),
    );
    let sure = (sums.peak >= vec4f(bitcast<f32>(header.y))) & (largest < vec4u(LARGE));
    let unsure = !(sure | (largest == vec4u()));
    return dot(vec4u(unsure), vec4u(1u, 2u, 4u, 8u)) << (4u * k);
}

fn word_at(row: u32, col: u32) -> u32 {
    let at = starts[row] + col;
    return x[at / 4u][at % 4u];
}

fn looked_up(output: u32, col: u32) -> u32 {
    let first = output * p.rows;
    var top = NO_EXPONENT;
    var total = Total();
    for (var i = 0u; i < p.rows; i++) {
        let weight = weights[first + i];
        if weight.x == 0u { continue; }
        let word = word_at(i, col);
        if is_finite(word) {
            top = max(top, exponent(word) + bitcast<i32>(weight.y));
        } else {
            total.infinities |= infinity_of(word, weight.x);
        }
    }
    for (var i = 0u; i < p.rows && total.infinities == 0u; i++) {
        let weight = weights[first + i];
        if weight.x == 0u { continue; }
        let term = scaled(word_at(i, col), bitcast<i32>(weight.y) - top);
        total.sum = add(total.sum, bitcast<f32>(weight.x) * term, p.zero);
    }
    return total_word(total, 1.0, top, p.zero);
}

@compute @workgroup_size(WG_SIZE)
fn combine(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let place = Target(group.z * OUTPUTS, 4u * column_of(group, groups, local));
    if place.col >= p.cols { return; }
    let first = group.z * (p.rows + 2u);

    var largest = vec4u();
    var a = Sums();
    var b = a;
    var c = a;
    var d = a;
    for (var i = 0u; i < p.rows; i++) {
        let factor_words = factors[first + 2u + i];
        // A row of weight 0 is not read.
        if all(factor_words == vec4u()) { continue; }
        let words = x[(starts[i] + place.col) / 4u];
        largest = max(largest, words & vec4u(MAGNITUDE));
        let values = bitcast<vec4f>(words);
        let factor = bitcast<vec4f>(factor_words);
        a = add4(a, factor.x * values, p.zero);
        if OUTPUTS > 1u { b = add4(b, factor.y * values, p.zero); }
        if OUTPUTS > 2u { c = add4(c, factor.z * values, p.zero); }
        if OUTPUTS > 3u { d = add4(d, factor.w * values, p.zero); }
    }

    let exponents = factors[first];
    let floors = factors[first + 1u];
    var unsure = write(a, largest, vec2u(exponents.x, floors.x), place, 0u);
    if OUTPUTS > 1u { unsure |= write(b, largest, vec2u(exponents.y, floors.y), place, 1u); }
    if OUTPUTS > 2u { unsure |= write(c, largest, vec2u(exponents.z, floors.z), place, 2u); }
    if OUTPUTS > 3u { unsure |= write(d, largest, vec2u(exponents.w, floors.w), place, 3u); }
    for (; unsure > 0u; unsure &= unsure - 1u) {
        let bit = firstTrailingBit(unsure);
        let output = place.first + bit / 4u;
        let col = place.col + bit % 4u;
        if col >= p.cols { continue; }
        out[(output * p.stride + col) / 4u][col % 4u] = looked_up(output, col);
    }
}
