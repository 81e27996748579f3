// sign_sum — sum of the signs of each column; zeros and NaN count 0.
//
// in   x        words of f32, row i starts at starts[i], a multiple of 4
//      starts   rows, u32
// out  out      cols, words of f32
//
// One invocation owns four adjacent columns. Integers of at most `rows`, exact in f32.

#import bits
#import columns

struct Params { rows: u32, cols: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn sign_sum(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let col = 4u * column_of(group, groups, local);
    if col >= p.cols { return; }
    var sum = vec4i();
    for (var i = 0u; i < p.rows; i++) {
        let words = x[(starts[i] + col) / 4u];
        let magnitude = words & vec4u(MAGNITUDE);
        let sign = (bitcast<vec4i>(words) >> vec4u(31u)) | vec4i(1);
        let counts = (magnitude > vec4u()) & (magnitude <= vec4u(INFINITE));
        sum += select(vec4i(), sign, counts);
    }
    out[col / 4u] = bitcast<vec4u>(vec4f(sum));
}
