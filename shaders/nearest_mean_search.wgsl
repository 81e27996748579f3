// nearest_mean_search — mean of the `count` values of each column nearest to a center, for any number
// of rows.
//
// in   x        words of f32, row i starts at starts[i]
//      starts   rows, u32
//      centers  cols, words of f32
// out  out      cols, words of f32
//
// One invocation owns one column. The distance at rank count − 1 is built bit by bit, then, among the
// values at just that distance, the key up to which they are kept: equal distances go to the lower
// value. 66 reads of the column.

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
fn nearest_mean_search(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = column_of(group, groups, local);
    if col >= p.cols { return; }
    let center = centers[col];
    var tame = is_tame(center);
    for (var i = 0u; i < p.rows && tame; i++) { tame = is_tame(x[starts[i] + col]); }

    var far = 0u;
    for (var bit = SIGN; bit > 0u; bit >>= 1u) {
        var below = 0u;
        for (var i = 0u; i < p.rows; i++) {
            below += u32(distance_of(x[starts[i] + col], center, tame) < (far | bit));
        }
        if below < p.count { far |= bit; }
    }
    var nearer = 0u;
    for (var i = 0u; i < p.rows; i++) {
        nearer += u32(distance_of(x[starts[i] + col], center, tame) < far);
    }
    // Rank, among the values at distance `far`, of the last one kept.
    let last = p.count - nearer - 1u;
    var bound = 0u;
    for (var bit = SIGN; bit > 0u; bit >>= 1u) {
        var below = 0u;
        for (var i = 0u; i < p.rows; i++) {
            let word = x[starts[i] + col];
            let at_bound = distance_of(word, center, tame) == far;
            below += u32(at_bound && key_of(word) < (bound | bit));
        }
        if below <= last { bound |= bit; }
    }

    if p.count == 1u {
        out[col] = word_of(bound);
        return;
    }
    var top = NO_EXPONENT;
    var below_bound = 0u;
    var total = Total();
    for (var i = 0u; i < p.rows; i++) {
        let word = x[starts[i] + col];
        let away = distance_of(word, center, tame);
        let key = key_of(word);
        if away > far || (away == far && key > bound) { continue; }
        below_bound += u32(away == far && key < bound);
        measure(word, &top, &total);
    }
    if total.infinities == 0u {
        for (var i = 0u; i < p.rows; i++) {
            let word = x[starts[i] + col];
            let away = distance_of(word, center, tame);
            if away < far || (away == far && key_of(word) < bound) {
                total.sum = add(total.sum, scaled(word, -top), p.zero);
            }
        }
        let copies = f32(p.count - nearer - below_bound);
        total.sum = add(total.sum, copies * scaled(word_of(bound), -top), p.zero);
    }
    out[col] = total_word(total, f32(p.count), top, p.zero);
}
