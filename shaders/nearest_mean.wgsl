// nearest_mean — mean of the `count` values of each column nearest to a center, by a sorting network.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
//      centers  cols, words of f32
// out  out      cols, words of f32
//
// One invocation owns one column and sorts it in registers, as keys: a generated network (see
// network.ts) fills the slot and leaves all keys in the array `kept`. In a sorted column
// the nearest values stand together, up to ties; their window starts above the last value that is
// farther away than the one `count` places up, and tells the largest distance kept. What is nearer is
// kept, and of the values at that distance the lowest: rounding and infinities make ties of values
// that differ.

#import bits
#import sum
#import columns
#import distance

struct Params { rows: u32, cols: u32, count: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> centers: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn nearest_mean(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    let center = centers[col];
    var reach = NO_EXPONENT;
    if is_finite(center) { reach = exponent(center); }
    #slot sort
    for (var i = 0u; i < p.rows; i++) {
        let word = word_of(kept[i]);
        if is_finite(word) { reach = max(reach, exponent(word)); }
    }
    let shift = distance_shift(reach);
    var first = 0u;
    for (var i = 0u; i < p.rows - p.count; i++) {
        let here = distance_word(word_of(kept[i]), center, shift);
        // Not a count: below a run of equal values the comparison fails for a while.
        if here > distance_word(word_of(kept[i + p.count]), center, shift) { first = i + 1u; }
    }
    let last = first + p.count - 1u;
    let far = max(
        distance_word(word_of(kept[first]), center, shift),
        distance_word(word_of(kept[last]), center, shift),
    );
    var at_far = p.count;
    for (var i = first; i <= last; i++) {
        at_far -= u32(distance_word(word_of(kept[i]), center, shift) < far);
    }
    // Moves what is kept to the front; it stays in order.
    var taken = 0u;
    for (var i = 0u; i <= last; i++) {
        let away = distance_word(word_of(kept[i]), center, shift);
        if away > far || (away == far && at_far == 0u) { continue; }
        at_far -= u32(away == far);
        kept[taken] = kept[i];
        taken++;
    }
    if p.count == 1u {
        out[col] = word_of(kept[0]);
        return;
    }
    var top = NO_EXPONENT;
    var total = Total(Sum(0.0, 0.0), 0u);
    for (var i = 0u; i < p.count; i++) { measure(word_of(kept[i]), &top, &total); }
    for (var i = 0u; i < p.count && total.infinities == 0u; i++) {
        total.sum = add(total.sum, scaled(word_of(kept[i]), -top), p.zero);
    }
    out[col] = total_word(total, f32(p.count), top, p.zero);
}
