// sums — four compensated sums side by side, one for each of four columns.
//
// #import sum

// `peak` is the largest term's size.
struct Sums { high: vec4f, low: vec4f, peak: vec4f }

fn opaque4(values: vec4f, zero: u32) -> vec4f {
    return bitcast<vec4f>(bitcast<vec4u>(values) ^ vec4u(zero));
}

// As `add` in sum.wgsl.
fn add4(sums: Sums, terms: vec4f, zero: u32) -> Sums {
    let peak = max(sums.peak, abs(terms));
    let s = opaque4(sums.high + terms, zero);
    if !compensated { return Sums(s, sums.low, peak); }
    let term_part = opaque4(s - sums.high, zero);
    let sum_part = opaque4(s - term_part, zero);
    return Sums(s, sums.low + ((sums.high - sum_part) + (terms - term_part)), peak);
}
