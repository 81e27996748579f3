// ends — the keys at the first and the last of the ranks [begin, end) of a column, of any length.
//
// Built bit by bit from the top: a bit is set if no more than `rank` keys lie below. 32 reads of the
// column for both, no scratch memory, uniform control flow. Whoever takes this in has the rows (`p.rows`,
// `p.begin`, `p.end`) and says by `sorted_key(row, col)` how their words are ordered.

struct Ends { low: u32, high: u32 }

fn ends_of(col: u32) -> Ends {
    var ends = Ends();
    for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
        var below_low = 0u;
        var below_high = 0u;
        for (var i = 0u; i < p.rows; i++) {
            let key = sorted_key(i, col);
            below_low += u32(key < (ends.low | bit));
            below_high += u32(key < (ends.high | bit));
        }
        if below_low <= p.begin { ends.low |= bit; }
        if below_high <= p.end - 1u { ends.high |= bit; }
    }
    return ends;
}
