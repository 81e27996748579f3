// sum_rows — sums of groups of rows modulo 2^32, each from nothing or from the sum of all rows.
//
// in   x        words, row i starts at starts[i], a multiple of 4
//      starts   rows, u32
//      program  for each group: 1 where it starts from the sum of all rows, a, b and c: words [a, b)
//               are the rows to add, [b, c) those to subtract; see row-sums.ts
// out  out      groups × stride, words
//
// One invocation owns four adjacent columns of EACH groups. Many workgroups read the same few columns
// of all rows, so that most reads are of a cache.

#import columns

struct Params { rows: u32, cols: u32, stride: u32, groups: u32, each: u32, needs_total: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read> program: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4u>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(WG_SIZE)
fn sum_rows(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) launched: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quad = column_of(group, launched, local);
    if 4u * quad >= p.cols { return; }
    var total = vec4u();
    if p.needs_total == 1u {
        for (var row = 0u; row < p.rows; row++) { total += x[starts[row] / 4u + quad]; }
    }
    let first = group.z * p.each;
    for (var k = first; k < min(p.groups, first + p.each); k++) {
        var sum = total * program[4u * k];
        var at = program[4u * k + 1u];
        let middle = program[4u * k + 2u];
        let end = program[4u * k + 3u];
        for (; at < middle; at++) { sum += x[starts[program[at]] / 4u + quad]; }
        for (; at < end; at++) { sum -= x[starts[program[at]] / 4u + quad]; }
        out[k * (p.stride / 4u) + quad] = sum;
    }
}
