// rank_mean — mean of the sorted values at ranks [from, to) of each column, by a sorting network.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
// out  out      cols, words of f32
//
// One invocation owns one column and sorts it in registers, as keys. The network is generated for
// the exact number of rows and pruned to the wanted ranks (see network.ts): it fills the slot, and
// leaves the keys at ranks from, …, to − 1 in the array `kept`, of length count = to − from.
// A single rank is a selection and exact.

#import bits
#import sum
#import columns

struct Params { rows: u32, cols: u32, count: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn rank_mean(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    #slot sort
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
    out[col] = total_word(total, f32(p.count), top);
}
