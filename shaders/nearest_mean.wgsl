// nearest_mean — mean of the `count` values of each column nearest to a center, by a sorting network.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
//      centers  cols, words of f32
// out  out      cols, words of f32
//
// One invocation owns one column and sorts it in registers, as keys: a generated network (see
// network.ts) fills the slot `sort`, which also tells whether all values are tame. In a sorted column
// the nearest values stand together, up to ties; of all windows of `count` values the nearest one tells
// the largest distance kept, that of the farther of its ends. What is nearer is kept, and of the values
// at that distance the lowest: rounding and infinities make ties of values that differ.
//
// Where all differences can be taken in f32, the slot `tame` finds the words that are kept, 0 for the
// others, and adds them; elsewhere the same is done with words of distances, in the arrays that the slot
// `list` declares.

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
    #slot sort
    if tame {
        var far = FARTHEST;
        var left = p.count;
        var largest = 0u;
        // All bits of what is kept: of one value, that value.
        var bits = 0u;
        var total = Total();
        #slot tame
        out[col] = select(total_word(total, f32(p.count), top, p.zero), bits, p.count == 1u);
        return;
    }

    #slot list
    for (var i = 0u; i < p.rows; i++) { away[i] = distance_word(words[i], center); }
    var far = FARTHEST;
    for (var i = 0u; i + p.count <= p.rows; i++) {
        far = min(far, max(away[i], away[i + p.count - 1u]));
    }
    var left = p.count;
    for (var i = 0u; i < p.rows; i++) { left -= u32(away[i] < far); }
    // Moves what is kept to the front; it stays in order.
    var taken = 0u;
    for (var i = 0u; i < p.rows; i++) {
        if away[i] > far || (away[i] == far && left == 0u) { continue; }
        left -= u32(away[i] == far);
        words[taken] = words[i];
        taken++;
    }
    if p.count == 1u {
        out[col] = word_of(key_of(words[0]));
        return;
    }
    var top = NO_EXPONENT;
    var total = Total();
    for (var i = 0u; i < p.count; i++) { measure(words[i], &top, &total); }
    for (var i = 0u; i < p.count && total.infinities == 0u; i++) {
        total.sum = add(total.sum, scaled(words[i], -top), p.zero);
    }
    out[col] = total_word(total, f32(p.count), top, p.zero);
}
