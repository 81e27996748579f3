// bits — f32 taken apart and put together with integers.
//
// WGSL lets an implementation assume that NaN and infinity do not occur, flush subnormals and ignore
// the sign of zero. So inputs are declared u32, tested and scaled as words, and become floats only
// when they are finite and well inside the range.

const SIGN: u32 = 0x80000000u;
const MAGNITUDE: u32 = 0x7fffffffu;
const INFINITE: u32 = 0x7f800000u;
const NOT_A_NUMBER: u32 = 0x7fc00000u;
// Below every exponent that a finite value can have, with room to subtract another one.
const NO_EXPONENT: i32 = -100000;

fn is_finite(word: u32) -> bool {
    return (word & INFINITE) != INFINITE;
}

fn is_nan(word: u32) -> bool {
    return (word & MAGNITUDE) > INFINITE;
}

// Largest e with 2^e ≤ |value|, for subnormals too. The word is finite.
fn exponent(word: u32) -> i32 {
    let magnitude = word & MAGNITUDE;
    if magnitude == 0u { return NO_EXPONENT; }
    let field = i32(magnitude >> 23u);
    if field > 0 { return field - 127; }
    return i32(firstLeadingBit(magnitude)) - 149;
}

// value · 2^shift, exact; results below the normal range become 0, none may exceed it. The word is
// finite.
fn scaled(word: u32, shift: i32) -> f32 {
    let magnitude = word & MAGNITUDE;
    var field = i32(magnitude >> 23u);
    var fraction = magnitude & 0x007fffffu;
    if field == 0 {
        if magnitude == 0u { return 0.0; }
        let up = 23u - firstLeadingBit(magnitude);
        fraction = (magnitude << up) & 0x007fffffu;
        field = 1 - i32(up);
    }
    field += shift;
    if field <= 0 { return 0.0; }
    return bitcast<f32>((word & SIGN) | (u32(min(field, 254)) << 23u) | fraction);
}

// 2^exponent, 0 below the normal range. The exponent is at most 127.
fn power(exponent: i32) -> f32 {
    return bitcast<f32>(u32(max(exponent, -127) + 127) << 23u);
}

// The word of value · 2^shift, rounded to nearest even where it is subnormal, infinite above the
// range. The value is 0 or normal.
fn joined(value: f32, shift: i32) -> u32 {
    let word = bitcast<u32>(value);
    let sign = word & SIGN;
    let magnitude = word & MAGNITUDE;
    if magnitude < 0x00800000u { return sign; }
    let field = i32(magnitude >> 23u) + shift;
    let fraction = magnitude & 0x007fffffu;
    if field >= 255 { return sign | INFINITE; }
    if field > 0 { return sign | (u32(field) << 23u) | fraction; }
    let down = 1 - field;
    if down > 24 { return sign; }
    let full = fraction | 0x00800000u;
    let cut = full >> u32(down);
    let rest = full & ((1u << u32(down)) - 1u);
    let half = 1u << u32(down - 1);
    let up = rest > half || (rest == half && (cut & 1u) == 1u);
    return sign | (cut + u32(up));
}

// What lies below the word of −∞, all bits flipped: NaN with a sign.
const NEGATIVE_NAN_KEYS: u32 = 0x007fffffu;
const INFINITE_KEY: u32 = 0xff000001u;

// Words ordered as the values are: −∞ < … < −0 < 0 < … < ∞ < NaN, whatever its sign. Negative words
// have all bits flipped, others the sign; then NaN with a sign is below all, and subtracting what it
// takes up wraps it around to the top. Any order among NaN will do, they are all the same value.
fn key_of(word: u32) -> u32 {
    let negative = bitcast<u32>(bitcast<i32>(word) >> 31u);
    return (word ^ (negative | SIGN)) - NEGATIVE_NAN_KEYS;
}

// The word of a key that is not NaN's.
fn finite_word(key: u32) -> u32 {
    let flipped = key + NEGATIVE_NAN_KEYS;
    let positive = bitcast<u32>(bitcast<i32>(flipped) >> 31u);
    return flipped ^ (~positive | SIGN);
}

fn word_of(key: u32) -> u32 {
    return select(finite_word(key), NOT_A_NUMBER, key > INFINITE_KEY);
}
