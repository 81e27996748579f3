// scaled — products of f32 by integers alone, so that they are rounded in the same way everywhere: WGSL
// names no direction, and compilers put products and sums together.

const MAGNITUDE: u32 = 0x7fffffffu;
const SIGN: u32 = 0x80000000u;
const HIDDEN_BIT: u32 = 0x00800000u;

// significand · 2^exponent. The significand is in [2^23, 2^24), or 0.
struct Scaled { significand: u32, exponent: i32 }

// The word, without its sign, is that of a normal number.
fn scaled_of(magnitude: u32) -> Scaled {
    return Scaled((magnitude & (HIDDEN_BIT - 1u)) | HIDDEN_BIT, i32(magnitude >> 23u) - 150);
}

fn word_of(value: Scaled) -> u32 {
    if value.significand == 0u { return 0u; }
    return (u32(value.exponent + 150) << 23u) | (value.significand & (HIDDEN_BIT - 1u));
}

// One more where what was cut off is above half a unit, or is half of it and the significand odd.
fn rounded(value: Scaled, rest: u32, half: u32) -> Scaled {
    let up = rest > half || (rest == half && rest != 0u && (value.significand & 1u) == 1u);
    let significand = value.significand + u32(up);
    if significand == 2u * HIDDEN_BIT { return Scaled(HIDDEN_BIT, value.exponent + 1); }
    return Scaled(significand, value.exponent);
}

// Of 48 bits the upper 24, rounded.
fn product(a: Scaled, b: Scaled) -> Scaled {
    let x = vec2u(a.significand >> 12u, a.significand & 0xfffu);
    let y = vec2u(b.significand >> 12u, b.significand & 0xfffu);
    let middle = x.x * y.y + x.y * y.x;
    let low = x.y * y.y + ((middle & 0xfffu) << 12u);
    var high = x.x * y.x + (middle >> 12u) + (low >> 24u);
    var rest = low & 0xffffffu;
    var exponent = a.exponent + b.exponent + 24;
    if high < HIDDEN_BIT {
        high = (high << 1u) | (rest >> 23u);
        rest = (rest << 1u) & 0xffffffu;
        exponent -= 1;
    }
    return rounded(Scaled(high, exponent), rest, HIDDEN_BIT);
}
