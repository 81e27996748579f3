// sum — sums that keep what a single f32 would lose.
//
// #import bits

// False where the start-up self-test found that the compiler reorders additions; sums are then plain.
override compensated: bool = true;

struct Sum { high: f32, low: f32 }

// Hides a value from the optimizer: WGSL permits reassociation, and (a + b) − a is not b. `zero` is
// 0 at run time, which the compiler cannot know.
fn opaque(value: f32, zero: u32) -> f32 {
    return bitcast<f32>(bitcast<u32>(value) ^ zero);
}

// value · unit, hidden: a · unit + b · unit would be taken for (a + b) · unit, which may overflow.
fn scaled_by(value: f32, unit: f32, zero: u32) -> f32 {
    return opaque(value * unit, zero);
}

// Knuth's TwoSum: high + low is exactly a + b.
fn two_sum(a: f32, b: f32, zero: u32) -> Sum {
    let s = opaque(a + b, zero);
    if !compensated { return Sum(s, 0.0); }
    let b_part = opaque(s - a, zero);
    let a_part = opaque(s - b_part, zero);
    return Sum(s, (a - a_part) + (b - b_part));
}

fn add(sum: Sum, value: f32, zero: u32) -> Sum {
    let next = two_sum(sum.high, value, zero);
    return Sum(next.high, sum.low + next.low);
}

fn add_sums(a: Sum, b: Sum, zero: u32) -> Sum {
    let next = two_sum(a.high, b.high, zero);
    return Sum(next.high, next.low + (a.low + b.low));
}

// A sum of values whose infinities are kept apart from its arithmetic.
struct Total { sum: Sum, infinities: u32 }

const POSITIVE: u32 = 1u;
const NEGATIVE: u32 = 2u;
const INVALID: u32 = 4u;

// Which infinity a word is, times the sign of a factor.
fn infinity_of(word: u32, factor_sign: u32) -> u32 {
    if is_nan(word) { return INVALID; }
    return select(POSITIVE, NEGATIVE, ((word ^ factor_sign) & SIGN) != 0u);
}

// Takes note of a term that is not finite.
fn note_infinities(word: u32, total: ptr<function, Total>) {
    if !is_finite(word) { (*total).infinities |= infinity_of(word, 0u); }
}

// Takes note of a term before the terms are added: the largest exponent, and infinities.
fn measure(word: u32, top: ptr<function, i32>, total: ptr<function, Total>) {
    if is_finite(word) { *top = max(*top, exponent(word)); }
    note_infinities(word, total);
}

// sum / divisor, rounded about once. WGSL grants a division 2.5 units in the last place; what it
// missed is found and added: of the quotient's bits 12 at a time, so that products with a divisor of
// up to 12 bits are exact.
fn quotient(sum: Sum, divisor: f32, zero: u32) -> f32 {
    let first = opaque((sum.high + sum.low) / divisor, zero);
    let head = bitcast<f32>(bitcast<u32>(first) & 0xfffff000u);
    let tail = opaque(first - head, zero);
    let missed = opaque(opaque(sum.high - head * divisor, zero) - tail * divisor, zero);
    return first + (missed + sum.low) / divisor;
}

// The word of (sum / divisor) · 2^shift, or of what the infinities make of it.
fn total_word(total: Total, divisor: f32, shift: i32, zero: u32) -> u32 {
    switch total.infinities {
        case 0u: { return joined(quotient(total.sum, divisor, zero), shift); }
        case POSITIVE: { return INFINITE; }
        case NEGATIVE: { return INFINITE | SIGN; }
        default: { return NOT_A_NUMBER; }
    }
}
