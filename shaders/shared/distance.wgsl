// distance — |value − center| in f32, as a word: words of distances are ordered as distances are.
//
// Both are scaled by one power of two, chosen so that the larger stands near the top of the range:
// differences do not overflow, and small ones do not become subnormal. Scaling changes no rounding.

// Shift that brings `top` to 2^122.
fn distance_shift(top: i32) -> i32 {
    return 122 - top;
}

fn distance_word(word: u32, center: u32, shift: i32) -> u32 {
    if word == center && !is_nan(word) { return 0u; }
    if !is_finite(word) || !is_finite(center) { return INFINITE; }
    return bitcast<u32>(abs(scaled(word, shift) - scaled(center, shift))) & MAGNITUDE;
}
