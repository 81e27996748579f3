// kept — the keys of a column that are kept: the least, the greatest, and their sum.
//
// #import bits
// #import sum
//
// Who imports it declares x, starts and p, with p.rows and p.zero.
//
// The sum is scaled by 2^−top, where top is the exponent of the largest value kept so far: when a
// larger one comes, what has been added is scaled down to it. So no sum overflows, and what scaling
// loses is below 2^−126 of the largest value. Values are taken as floats: a device may flush the
// subnormal ones, which is as little where top is at least SMALL (2^20 rows of 2^−126 are 2^−26 of
// 2^−80). Below that, a second look at the column takes them apart as integers.

const SMALL: i32 = -80;

struct Kept { least: u32, greatest: u32, top: i32, sum: Sum }

fn nothing_kept() -> Kept {
    return Kept(0xffffffffu, 0u, SMALL, Sum());
}

// Exponent by which a sum with this key in it is scaled; sums of values below 4 do not overflow.
fn scale_of(key: u32) -> i32 {
    return clamp(i32((finite_word(key) >> 23u) & 0xffu) - 127, SMALL, 126);
}

// Room for keys from `least` to `greatest`.
fn widened(kept: Kept, least: u32, greatest: u32) -> Kept {
    let top = max(kept.top, max(scale_of(least), scale_of(greatest)));
    let down = power(kept.top - top);
    let sum = Sum(kept.sum.high * down, kept.sum.low * down);
    return Kept(min(kept.least, least), max(kept.greatest, greatest), top, sum);
}

// The value of a key, scaled by `unit` = power(−top). Four of these may be added before they enter the
// sum: two roundings, each by 2^−24 of the values. With the last one, that of the mean, a mean is
// within 3 · 2^−24 of the mean size.
fn value_of(key: u32, unit: f32) -> f32 {
    return scaled_by(bitcast<f32>(finite_word(key)), unit, p.zero);
}

// Mean of the keys at ranks [begin, end), all of which have been added.
fn kept_word(kept: Kept, col: u32, begin: u32, end: u32) -> u32 {
    if kept.least == kept.greatest { return word_of(kept.least); }
    if kept.top == SMALL { return mean_between(col, kept.least, kept.greatest, begin, end); }
    var total = Total(kept.sum, 0u);
    note_infinities(word_of(kept.least), &total);
    note_infinities(word_of(kept.greatest), &total);
    return total_word(total, f32(end - begin), kept.top, p.zero);
}

// Mean of the keys at ranks [begin, end), of which `least` is the first and `greatest` the last; reads
// the column. Of the keys equal to an end, as many are kept as have ranks in the window.
fn mean_between(col: u32, least: u32, greatest: u32, begin: u32, end: u32) -> u32 {
    if least == greatest { return word_of(least); }
    var top = NO_EXPONENT;
    var total = Total();
    measure(word_of(least), &top, &total);
    measure(word_of(greatest), &top, &total);
    if total.infinities == 0u {
        var up_to_least = 0u;
        var below_greatest = 0u;
        for (var i = 0u; i < p.rows; i++) {
            let word = x[starts[i] + col];
            let key = key_of(word);
            up_to_least += u32(key <= least);
            below_greatest += u32(key < greatest);
            if key <= least || key >= greatest { continue; }
            total.sum = add(total.sum, scaled(word, -top), p.zero);
        }
        let at_least = f32(up_to_least - begin) * scaled(word_of(least), -top);
        let at_greatest = f32(end - below_greatest) * scaled(word_of(greatest), -top);
        total.sum = add(add(total.sum, at_least, p.zero), at_greatest, p.zero);
    }
    return total_word(total, f32(end - begin), top, p.zero);
}
