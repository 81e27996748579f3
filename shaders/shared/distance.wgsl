// distance — |value − center|, rounded to the 24 bits of f32 but without its limits of range, as a
// word: words of distances are ordered as distances are.
//
// #import bits

const FARTHEST: u32 = 0xffffffffu;

// From 2^−102 on: differences of such values are 0 or normal numbers.
const TAME_LEAST: u32 = 0x0c800000u;
// Below 2^126: differences of such values do not overflow.
const TAME_END: u32 = 0x7e800000u;

// Whether differences with this value are right in f32, on a device that flushes subnormals too.
fn is_tame(word: u32) -> bool {
    let magnitude = word & MAGNITUDE;
    return magnitude == 0u || (magnitude >= TAME_LEAST && magnitude < TAME_END);
}

// For a value and a center that are tame. Not to be compared with words of `distance_word`.
fn tame_distance_word(word: u32, center: u32) -> u32 {
    return bitcast<u32>(bitcast<f32>(word) - bitcast<f32>(center)) & MAGNITUDE;
}

// Nine bits of exponent, from 2^−149 on, and 23 of fraction. The larger of the two is scaled to [1, 2),
// and what that makes of the other does not change the rounding. Equal infinities are at distance 0.
fn distance_word(word: u32, center: u32) -> u32 {
    if word == center && !is_nan(word) { return 0u; }
    if !is_finite(word) || !is_finite(center) { return FARTHEST; }
    let top = max(exponent(word), exponent(center));
    let away = bitcast<u32>(scaled(word, -top) - scaled(center, -top)) & MAGNITUDE;
    if away == 0u { return 0u; }
    return away + (bitcast<u32>(top + 23) << 23u);
}

fn distance_of(word: u32, center: u32, tame: bool) -> u32 {
    if tame { return tame_distance_word(word, center); }
    return distance_word(word, center);
}
