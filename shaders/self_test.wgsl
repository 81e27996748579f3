// self_test — what the other kernels take for granted of compiler and device, as words.
//
// in   x        words to be taken apart
// out  out      eight words for each: see self-test.ts, which knows the right ones

#import bits
#import sum

struct Params { count: u32, zero: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(1)
fn self_test() {
    for (var i = 0u; i < p.count; i++) {
        let word = x[i];
        let at = 8u * i;
        out[at] = u32(is_finite(word)) | (u32(is_nan(word)) << 1u);
        out[at + 1u] = key_of(word);
        out[at + 2u] = word_of(key_of(word));
        if is_finite(word) {
            out[at + 3u] = bitcast<u32>(exponent(word));
            let unit = scaled(word, -exponent(word));
            out[at + 4u] = bitcast<u32>(unit);
            out[at + 5u] = joined(unit, exponent(word));
            // 2^25 + unit does not fit 24 bits: what is lost must be in the low part.
            let sum = add(add(Sum(33554432.0, 0.0), unit, p.zero), -33554432.0, p.zero);
            out[at + 6u] = bitcast<u32>(sum.high + sum.low);
        }
    }
}
